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
    /// Hits given up.
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
    /// Of `dropped`: the store will never take them.
    rejected: u64,
    /// Of `dropped`: they made room for newer ones in a full spool.
    spool_full: u64,
    /// Of `dropped`: they were in the spool, and could not be read any more.
    spool_unreadable: u64,
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
        let Books { observed, found, stored, pending, spooled, dropped, dropped_full, dropped_unreadable } = books;
        let dropped_by_reason = ByReason {
            rejected: books.rejected(),
            spool_full: dropped_full,
            spool_unreadable: dropped_unreadable,
            baseline,
        };
        Self { observed, found, stored, pending, spooled, dropped, dropped_by_reason, balance: books.balance() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_term_of_the_books_and_each_reason_is_told_by_its_name() {
        let books = Books {
            observed: 100,
            found: 11,
            stored: 40,
            pending: 21,
            spooled: 30,
            dropped: 20,
            dropped_full: 9,
            dropped_unreadable: 4,
        };

        let answer = serde_json::to_value(BooksAnswer::new(books, 5)).unwrap();

        let by_reason = serde_json::json!({"rejected": 7, "spool_full": 9, "spool_unreadable": 4, "baseline": 5});
        assert_eq!(
            answer,
            serde_json::json!({
                "observed": 100, "found": 11, "stored": 40, "pending": 21, "spooled": 30, "dropped": 20,
                "dropped_by_reason": by_reason, "balance": true,
            })
        );
    }
}
