//! `GET /v1/writers`: who sent batches lately.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Ingest, WriterSummary};
use crate::access::{Principal, Scope};
use crate::api::{Refusals, guarded};
use crate::api_error::ApiError;

pub(super) fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new().routes(guarded(Scope::Read, routes!(writers)))
}

/// Who sent batches lately.
#[derive(Debug, Serialize, ToSchema)]
struct Writers {
    /// Those whose services the token covers.
    writers: Vec<WriterSummary>,
}

/// Who sent batches to this process since it started.
#[utoipa::path(
    get,
    path = "/v1/writers",
    tag = "ingest",
    responses((status = 200, description = "The writers", body = Writers), Refusals)
)]
async fn writers(State(ingest): State<Ingest>, principal: Principal) -> Result<Json<Writers>, ApiError> {
    principal.need(Scope::Read)?;
    Ok(Json(Writers { writers: ingest.ledger.snapshot(&principal) }))
}
