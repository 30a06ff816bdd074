//! [`Principal`]: on whose behalf a request is made.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use endpoint_stats_core::ServiceName;

use crate::api_error::ApiError;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// To send hits.
    Ingest,
    /// To ask questions.
    Read,
    /// To look after the server, and everything else.
    Admin,
}

/// On whose behalf a request is made: who it is, what it may do, and for which services.
///
/// Whoever lets requests in puts one into their extensions; without it a handler refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    name: Arc<str>,
    scopes: BTreeSet<Scope>,
    services: Option<Arc<BTreeSet<ServiceName>>>,
}

impl Principal {
    /// Creates a principal that may do some things for every service.
    pub fn new(name: &str, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { name: name.into(), scopes: scopes.into_iter().collect(), services: None }
    }

    /// Binds it to some services.
    #[must_use]
    pub fn bound_to(mut self, services: impl IntoIterator<Item = ServiceName>) -> Self {
        self.services = Some(Arc::new(services.into_iter().collect()));
        self
    }

    /// Its name: a token's, or what stands for none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The services it is bound to; `None` is all of them.
    pub fn services(&self) -> Option<&BTreeSet<ServiceName>> {
        self.services.as_deref()
    }

    /// Whether it sees and speaks for a service.
    pub fn covers(&self, service: &ServiceName) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(service))
    }

    /// Refuses what its scopes do not hold.
    ///
    /// # Errors
    ///
    /// 403 `forbidden`.
    pub fn need(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin) {
            return Ok(());
        }
        Err(Self::forbidden().with_hint(match scope {
            Scope::Ingest => "use a token with the scope ingest",
            Scope::Read => "use a token with the scope read",
            Scope::Admin => "use a token with the scope admin",
        }))
    }

    /// Refuses a service it is not bound to.
    ///
    /// # Errors
    ///
    /// 403 `forbidden`, the same whether the service exists or not.
    pub fn need_service(&self, service: &ServiceName) -> Result<(), ApiError> {
        if self.covers(service) {
            return Ok(());
        }
        Err(Self::forbidden().with_field("service").with_hint("use a token that is bound to this service, or to none"))
    }

    fn forbidden() -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", "the token does not allow this")
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get().cloned().ok_or_else(|| {
            ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "this needs a token")
                .with_hint("send `Authorization: Bearer TOKEN`; `endpoint-stats-server token create` makes one")
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}
