//! `/v1/live`: the last seconds.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use endpoint_stats_core::store::live::{LiveEndpoint, LiveView, SECONDS, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::unstored;
use super::document::{NotKept, Refusals};
use crate::access::Principal;
use crate::api_error::ApiError;

/// What was flushed in the last seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveAnswer {
    /// `fleet`, or `this process` where there is no Redis or it is not heard.
    scope: &'static str,
    /// Processes that were heard, this one included.
    processes: usize,
    /// How far back it looks.
    seconds: usize,
    /// Of all endpoints, the oldest second first; the last is not over yet. `null` for a token bound to services.
    hits_by_second: Option<[u64; SECONDS]>,
    /// Each endpoint with a hit, in the order of their names.
    endpoints: Vec<EndpointNow>,
}

/// What one endpoint did in the last seconds.
#[derive(Debug, Serialize, ToSchema)]
struct EndpointNow {
    /// The service that has the endpoint.
    service: String,
    /// Its method.
    method: String,
    /// Its route template.
    route: String,
    /// Its hits.
    hits: u64,
    /// The hits that are errors of the service.
    errors: u64,
}

/// The hits of the last ten seconds: of all servers that share a Redis, or of this process.
#[utoipa::path(
    get,
    path = "/v1/live",
    tag = "query",
    responses((status = 200, description = "The last seconds", body = LiveAnswer), NotKept, Refusals)
)]
pub(super) async fn live(State(api): State<Api>, principal: Principal) -> Result<Response, ApiError> {
    let feed = api.live.ok_or_else(nobody_listens)?;
    Ok((unstored(), Json(LiveAnswer::new(&feed.view(), &principal))).into_response())
}

fn nobody_listens() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_live", "this process does not listen to its hits")
        .with_hint("ask a server for which `serve` was started")
}

impl LiveAnswer {
    /// Shows what a principal may see of the last seconds.
    pub fn new(view: &LiveView, principal: &Principal) -> Self {
        let (scope, processes) = match view.scope {
            Scope::Fleet { processes } => ("fleet", processes),
            Scope::ThisProcess => ("this process", 1),
        };
        let seen = view.endpoints.iter().filter(|live| principal.covers(live.endpoint.service()));
        Self {
            scope,
            processes,
            seconds: SECONDS,
            hits_by_second: principal.services().is_none().then_some(view.hits_by_second),
            endpoints: seen.map(EndpointNow::from).collect(),
        }
    }
}

impl From<&LiveEndpoint> for EndpointNow {
    fn from(live: &LiveEndpoint) -> Self {
        Self {
            service: live.endpoint.service().to_string(),
            method: live.endpoint.method().to_string(),
            route: live.endpoint.route().to_string(),
            hits: live.hits,
            errors: live.errors,
        }
    }
}
