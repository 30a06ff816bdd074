//! `POST /v1/endpoints`: which endpoints there are, so that those never called can be told.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use endpoint_stats_core::store::remote::MAX_REGISTERED;
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Endpoint, InvalidName, Method, Route, ServiceName};
use serde::{Deserialize, Serialize};

use super::Ingest;
use super::body::{need_type, whole};
use crate::access::{Principal, Scope};
use crate::api_error::ApiError;

pub(super) fn routes() -> Router<Ingest> {
    Router::new().route("/v1/endpoints", post(take))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    service: String,
    method: String,
    route: String,
}

#[derive(Debug, Serialize)]
struct Registered {
    registered: usize,
}

async fn take(
    State(ingest): State<Ingest>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Registered>, ApiError> {
    principal.need(Scope::Ingest)?;
    need_type(&headers, "application/json")?;
    let bytes = whole(&headers, body, ingest.limits.document_bytes, &ingest.limits).await?;
    let named: Vec<Named> = serde_json::from_slice(&bytes).map_err(|error| bad_json(&error))?;
    let endpoints = named.iter().enumerate().map(|(place, named)| named.checked(place));
    let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
    let (registered, now) = (endpoints.len(), ingest.clock.now());
    register(ingest, &principal, endpoints, now).await?;
    Ok(Json(Registered { registered }))
}

/// Makes endpoints known; a time that no sound clock gives is taken for now.
pub(super) async fn register(
    ingest: Ingest,
    principal: &Principal,
    endpoints: Vec<Endpoint>,
    at: Timestamp,
) -> Result<(), ApiError> {
    if endpoints.len() > MAX_REGISTERED {
        return Err(bad_endpoint("more than 10,000 endpoints at once").with_hint("send them in several requests"));
    }
    endpoints.iter().try_for_each(|endpoint| principal.need_service(endpoint.service()))?;
    let now = ingest.clock.now();
    let at = if (Timestamp::EPOCH..=now).contains(&at) { at } else { now };
    super::to_its_end(async move { ingest.store.register(&endpoints, at).await.map_err(ApiError::from_store) }).await
}

impl Named {
    fn checked(&self, place: usize) -> Result<Endpoint, ApiError> {
        let bad = |name: &'static str| {
            move |error: InvalidName| bad_endpoint(error.to_string()).with_field(format!("[{place}].{name}"))
        };
        let service = ServiceName::new(&self.service).map_err(bad("service"))?;
        let route = Route::new(&self.route).map_err(bad("route"))?;
        Ok(Endpoint::new(service, Method::from_bytes(self.method.as_bytes()), route))
    }
}

fn bad_json(error: &serde_json::Error) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_json", format!("the body is not what was expected: {error}"))
        .with_hint(r#"send [{"service":"shop","method":"GET","route":"/users/{id}"}]"#)
}

fn bad_endpoint(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_endpoint", message)
}
