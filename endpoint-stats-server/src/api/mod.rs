//! The query API under `/v1`.
//!
//! | route | what |
//! |---|---|
//! | `GET /v1/services` | each service, its hits and its last call |
//! | `GET /v1/endpoints` | each endpoint with a hit in a range, sorted, page by page |
//! | `GET /v1/totals` | all of them together, beside the range before if asked |
//! | `GET /v1/series` | step by step |
//! | `GET /v1/percentiles` | any percentiles of latency and duration |
//! | `GET /v1/callers` | how many different callers |
//! | `GET /v1/consumers` | the named consumers that did most |
//! | `GET /v1/unused` | endpoints that nobody calls |
//! | `GET /v1/books` | where every hit of this process is |
//! | `GET /v1/live` | the last seconds |
//! | `GET /openapi.json`, `GET /docs` | all of this described |
//!
//! A handler is let in by `guarded` only for who may read, and with the parameters that its
//! `#[utoipa::path]` names.

mod answer;
mod books;
mod callers;
mod consumers;
mod cursor;
mod document;
mod endpoints;
mod limit;
mod live;
mod pages;
mod parameters;
mod percentiles;
mod question;
mod series;
mod services;
mod totals;
mod unused;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use endpoint_stats_core::flush::BooksView;
use endpoint_stats_core::store::live::LiveFeed;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::document::Refusals;
pub use self::live::LiveAnswer;
pub(crate) use self::parameters::{guarded, without_parameters};
use crate::access::Scope;
use crate::api_error::ApiError;
use crate::ingest::Ledger;
use crate::reading::StatsReader;

/// What the query API answers from.
#[derive(Clone, Debug)]
pub struct Api {
    /// The store.
    pub reader: StatsReader,
    /// The books of this process, where it counts.
    pub books: Option<BooksView>,
    /// The hits of the last seconds, where somebody listens.
    pub live: Option<LiveFeed>,
    /// What others sent, where it is received.
    pub writers: Option<Arc<Ledger>>,
}

/// The routes that answer questions; each handler asks for a principal.
pub fn router(api: Api) -> Router {
    router_beside(OpenApi::default(), api)
}

/// The same, with other routes in its `OpenAPI` document.
pub fn router_beside(others: OpenApi, api: Api) -> Router {
    let (router, mut document) = OpenApiRouter::with_openapi(document::empty())
        .routes(guarded(Scope::Read, routes!(services::services)))
        .routes(guarded(Scope::Read, routes!(endpoints::endpoints)))
        .routes(guarded(Scope::Read, routes!(totals::totals)))
        .routes(guarded(Scope::Read, routes!(series::series)))
        .routes(guarded(Scope::Read, routes!(percentiles::percentiles)))
        .routes(guarded(Scope::Read, routes!(callers::callers)))
        .routes(guarded(Scope::Read, routes!(consumers::consumers)))
        .routes(guarded(Scope::Read, routes!(unused::unused)))
        .routes(guarded(Scope::Read, routes!(books::books)))
        .routes(guarded(Scope::Read, routes!(live::live)))
        .with_state(api)
        .split_for_parts();
    document.merge(others);
    router.merge(pages::router(Arc::new(document))).method_not_allowed_fallback(method_not_allowed)
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this route does not take the method")
        .with_hint("the header `Allow` names those it takes")
}
