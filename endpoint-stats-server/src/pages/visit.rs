//! [`Visit`]: who asks for a page, from where and for what.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use endpoint_stats_core::store::EndpointStatus;
use endpoint_stats_core::window::Timestamp;

use super::Pages;
use super::asked::Asked;
use super::frame::Frame;
use super::link::Link;
use super::place::Place;
use crate::access::Principal;
use crate::api_error::ApiError;

/// All that a page is made from.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(super) pages: Pages,
    pub(super) place: Place,
    pub(super) principal: Principal,
    pub(super) asked: Asked,
    pub(super) now: Timestamp,
}

impl<S: Send + Sync> FromRequestParts<S> for Visit
where
    Pages: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let pages = Pages::from_ref(state);
        let Ok(place) = Place::from_request_parts(parts, state).await;
        let principal = Principal::from_request_parts(parts, state).await?;
        let asked = Asked::of(&parts.uri)?;
        Ok(Self { now: pages.reader.now(), pages, place, principal, asked })
    }
}

impl Visit {
    /// Every endpoint that may be seen.
    pub(super) async fn endpoints(&self) -> Result<Vec<EndpointStatus>, ApiError> {
        self.pages.reader.endpoints(&self.principal).await
    }

    /// What stands around the page.
    pub(super) fn frame(&self, title: impl Into<String>, here: &str) -> Frame {
        Frame::new(self.place.clone(), title, here, &self.asked)
    }

    /// A link to a question of the API that keeps nothing.
    pub(super) fn json(&self, name: &str) -> Link {
        Link::to(self.place.path_of(&format!("v1/{name}")))
    }
}
