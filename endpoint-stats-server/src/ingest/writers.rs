//! `GET /v1/writers`: who sent batches lately.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::{Ingest, WriterSummary};
use crate::access::{Principal, Scope};
use crate::api_error::ApiError;

pub(super) fn routes() -> Router<Ingest> {
    Router::new().route("/v1/writers", get(list))
}

#[derive(Debug, Serialize)]
struct Writers {
    writers: Vec<WriterSummary>,
}

async fn list(State(ingest): State<Ingest>, principal: Principal) -> Result<Json<Writers>, ApiError> {
    principal.need(Scope::Read)?;
    Ok(Json(Writers { writers: ingest.ledger.snapshot(&principal) }))
}
