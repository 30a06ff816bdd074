//! `/v1/remote/…`: what a [`RemoteStore`](endpoint_stats_core::store::RemoteStore) asks beside sending batches.
//!
//! It speaks in [`Message`]s, whose layout belongs to the library's version; everybody else uses the query API.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use endpoint_stats_core::Endpoint;
use endpoint_stats_core::store::remote::{MESSAGE_TYPE, paths};
use endpoint_stats_core::store::{Message, StatsQuery, WriterId};
use endpoint_stats_core::window::Timestamp;
use uuid::Uuid;

use super::Ingest;
use super::body::{message, need_type, whole};
use super::endpoints::register;
use crate::access::{Principal, Scope};
use crate::api::without_parameters;
use crate::api_error::ApiError;
use crate::reading::StatsReader;

/// A question is far smaller.
const MAX_QUESTION_BYTES: u64 = 4 * 1024;

pub(super) fn routes() -> Router<Ingest> {
    Router::new()
        .route(paths::READY, get(ready))
        .route(paths::ENDPOINTS, get(endpoints).post(take_endpoints))
        .route(&format!("{}/{{id}}", paths::WRITERS), get(writer))
        .route(paths::QUERY, post(query))
        .route_layer(from_fn(without_parameters))
}

async fn ready(State(ingest): State<Ingest>, principal: Principal) -> Result<StatusCode, ApiError> {
    principal.need(Scope::Ingest)?;
    ingest.store.health().await.map_err(ApiError::from_store)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A service that sends may see what is known of its endpoints: it shows the hits of all its processes.
async fn endpoints(State(ingest): State<Ingest>, principal: Principal) -> Result<Response, ApiError> {
    principal.need(Scope::Ingest)?;
    let mut endpoints = ingest.store.endpoints().await.map_err(ApiError::from_store)?;
    endpoints.retain(|status| principal.covers(status.endpoint.service()));
    Ok(answer(&endpoints))
}

async fn take_endpoints(
    State(ingest): State<Ingest>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    principal.need(Scope::Ingest)?;
    need_type(&headers, MESSAGE_TYPE)?;
    let (at, endpoints): (Timestamp, Vec<Endpoint>) =
        message(&whole(&headers, body, ingest.limits.batch_bytes, &ingest.limits).await?)?;
    register(ingest, &principal, endpoints, at).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn writer(
    State(ingest): State<Ingest>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    principal.need(Scope::Ingest)?;
    let id = Uuid::parse_str(&id).map_err(|_| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_writer", "the writer's id is no UUID").with_field("id")
    })?;
    let state = ingest.store.writer(WriterId::from_bytes(id.into_bytes())).await.map_err(ApiError::from_store)?;
    Ok(answer(&state))
}

async fn query(
    State(ingest): State<Ingest>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    principal.need(Scope::Read)?;
    need_type(&headers, MESSAGE_TYPE)?;
    let query: StatsQuery = message(&whole(&headers, body, MAX_QUESTION_BYTES, &ingest.limits).await?)?;
    let report = StatsReader::new(ingest.store).report(&principal, &query).await?;
    Ok(answer(&report))
}

fn answer(message: &impl Message) -> Response {
    let mut bytes = Vec::new();
    message.encode(&mut bytes, usize::MAX).expect("there is no limit");
    ([(header::CONTENT_TYPE, MESSAGE_TYPE)], bytes).into_response()
}
