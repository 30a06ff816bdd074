//! `/v1/books`: where every hit of this process is.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use endpoint_stats_core::flush::Books;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::unstored;
use super::document::{NotKept, Refusals};
use crate::access::Principal;
use crate::api_error::ApiError;

/// Where every hit is that this process counted: `observed + found = stored + pending + spooled + dropped`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BooksAnswer {
    /// Hits drained from the recorder.
    observed: u64,
    /// Hits that an earlier run had left in the spool.
    found: u64,
    /// Hits that the store acknowledged.
    stored: u64,
    /// Hits drained and not yet acknowledged; a crash loses them.
    pending: u64,
    /// Hits in the spool and not yet acknowledged; a crash does not lose them.
    spooled: u64,
    /// Hits given up, because the store will never take them.
    dropped: u64,
    /// Hits given up, by reason.
    dropped_by_reason: ByReason,
    /// Whether every hit is accounted for.
    balance: bool,
}

/// Hits given up, by reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DroppedByReason)]
struct ByReason {
    /// The store will never take them: those of `dropped`.
    rejected: u64,
    /// Received as OpenTelemetry totals that may have been counted before; in no other number here.
    baseline: u64,
}

/// Where every hit of this process is. For those who may see every service.
#[utoipa::path(
    get,
    path = "/v1/books",
    tag = "query",
    responses((status = 200, description = "The books", body = BooksAnswer), NotKept, Refusals)
)]
pub(super) async fn books(State(api): State<Api>, principal: Principal) -> Result<Response, ApiError> {
    need_every_service(&principal)?;
    let view = api.books.ok_or_else(no_books)?;
    let baseline = api.writers.map_or(0, |ledger| ledger.baseline());
    Ok((unstored(), Json(BooksAnswer::new(view.books(), baseline))).into_response())
}

fn need_every_service(principal: &Principal) -> Result<(), ApiError> {
    match principal.services() {
        None => Ok(()),
        Some(_) => Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", "the books are those of all services")
            .with_hint("use a token that is bound to no service")),
    }
}

fn no_books() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no_books", "this process keeps no books")
        .with_hint("ask the process that counts")
}

impl BooksAnswer {
    fn new(books: Books, baseline: u64) -> Self {
        let Books { observed, found, stored, pending, spooled, dropped } = books;
        let dropped_by_reason = ByReason { rejected: dropped, baseline };
        Self { observed, found, stored, pending, spooled, dropped, dropped_by_reason, balance: books.balance() }
    }
}
