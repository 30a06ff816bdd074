//! `POST /v1/endpoints`: which endpoints there are, so that those never called can be told.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use endpoint_stats_core::store::remote::MAX_REGISTERED;
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Endpoint, InvalidName, Method, Route, ServiceName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Ingest;
use super::body::{need_type, whole};
use super::refusals::BodyRefusals;
use crate::access::{Principal, Scope};
use crate::api::{Refusals, guarded};
use crate::api_error::ApiError;

pub(super) fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new().routes(guarded(Scope::Ingest, routes!(register_endpoints)))
}

/// An endpoint that there is.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NamedEndpoint)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The service that has it.
    #[schema(pattern = "^[a-z0-9._-]{1,64}$", example = "shop")]
    service: String,
    /// The method; one outside of the standards is `_OTHER`.
    #[schema(example = "GET")]
    method: String,
    /// The route's template.
    #[schema(min_length = 1, max_length = 512, example = "/users/{id}")]
    route: String,
}

/// How many endpoints were named.
#[derive(Debug, Serialize, ToSchema)]
struct Registered {
    /// Those of the request, known before or not.
    registered: usize,
}

/// Names endpoints that there are, so that those never called can be told.
#[utoipa::path(
    post,
    path = "/v1/endpoints",
    tag = "ingest",
    request_body(description = "At most 10,000 endpoints.", content((Vec<Named> = "application/json"))),
    responses((status = 200, description = "They are known", body = Registered), BodyRefusals, Refusals)
)]
async fn register_endpoints(
    State(ingest): State<Ingest>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Registered>, ApiError> {
    principal.need(Scope::Ingest)?;
    need_type(&headers, "application/json")?;
    let bytes = whole(&headers, body, ingest.limits.document_bytes, &ingest.limits).await?;
    let endpoints = super::parsed(bytes, named).await??;
    let (registered, now) = (endpoints.len(), ingest.clock.now());
    register(ingest, &principal, endpoints, now).await?;
    Ok(Json(Registered { registered }))
}

fn named(body: &[u8]) -> Result<Vec<Endpoint>, ApiError> {
    let named: Vec<Named> = serde_json::from_slice(body).map_err(|error| bad_json(&error))?;
    named.iter().enumerate().map(|(place, named)| named.checked(place)).collect()
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
