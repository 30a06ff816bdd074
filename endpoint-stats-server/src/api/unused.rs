//! `/v1/unused`: endpoints that nobody calls.

use axum::extract::State;
use axum::response::Response;
use endpoint_stats_core::window::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::answer::{FormatText, Freshness, Wanted};
use super::document::Refusals;
use super::parameters::Ask;
use crate::access::Principal;
use crate::api_error::ApiError;
use crate::reading::{self, FilterText};
use crate::report::csv::Table;
use crate::report::{Time, UnusedEndpoint, is_unused};

/// Since when nobody has called.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SinceText {
    /// Tells endpoints too that were not called since then: RFC 3339, a date, or `-30d` for 30 days ago.
    #[param(example = "-30d")]
    since: Option<String>,
}

/// Endpoints that nobody calls, in the order of their names.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnusedAnswer {
    /// Since when, if it was asked.
    since: Option<Time>,
    /// The endpoints.
    endpoints: Vec<UnusedEndpoint>,
}

/// Endpoints that were registered and never called, and those not called since a time.
#[utoipa::path(
    get,
    path = "/v1/unused",
    tag = "query",
    params(FilterText, SinceText, FormatText),
    responses(
        (status = 200, description = "The endpoints", content((UnusedAnswer = "application/json"), (String = "text/csv"))),
        Refusals,
    )
)]
pub(super) async fn unused(
    State(api): State<Api>,
    principal: Principal,
    Ask(filter): Ask<FilterText>,
    Ask(text): Ask<SinceText>,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let since = since(&text, api.reader.now())?;
    let filter = reading::filter(&filter)?;
    if let Some(service) = &filter.service {
        principal.need_service(service)?;
    }
    let known = api.reader.endpoints(&principal).await?;
    let found = known.iter().filter(|status| is_unused(status, since) && filter.matches(&status.endpoint));
    let answer = UnusedAnswer { since: since.map(Time::from), endpoints: found.map(UnusedEndpoint::from).collect() };
    wanted.answer(&answer, Freshness::Open)
}

fn since(text: &SinceText, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let given = text.since.as_deref().filter(|text| !text.is_empty());
    given.map(|text| reading::time("since", text, now)).transpose()
}

impl Table for UnusedAnswer {
    fn columns(&self) -> Vec<&'static str> {
        self.endpoints.columns()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.endpoints.rows()
    }
}
