//! The routes and what they answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_extractor;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use endpoint_stats_core::EndpointStats;
use endpoint_stats_core::flush::FleetView;
use endpoint_stats_core::store::live::LiveFeed;
use serde::Serialize;

use super::hardened::sheltered;
use super::limits::RequestLimits;
use super::live;
use super::readiness::Readiness;
use crate::access::{self, Access, Principal, ReadsEverything};
use crate::api::{self, Api};
use crate::api_error::ApiError;
use crate::exposition::{Exposition, Format};
use crate::ingest::{self, Ingest};
use crate::pages::{self, LivePage, Overview, Pages, Place, Visit};
use crate::reading::StatsReader;

/// The routes that look at the server and do not use it.
pub const UNCOUNTED: [&str; 8] =
    ["/health", "/ready", "/metrics", "/openapi.json", "/docs", "/docs/", "/docs/{file}", pages::ASSETS];

#[derive(Serialize)]
struct Welcome {
    message: &'static str,
    access_count: u64,
}

#[derive(Serialize)]
struct Stats {
    stats: BTreeMap<String, u64>,
    access_count: u64,
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What the routes need that browsers and programs share.
#[derive(Clone)]
struct Shared {
    fleet: FleetView,
    live: LiveFeed,
    pages: Pages,
}

impl FromRef<Shared> for FleetView {
    fn from_ref(shared: &Shared) -> Self {
        shared.fleet.clone()
    }
}

impl FromRef<Shared> for LiveFeed {
    fn from_ref(shared: &Shared) -> Self {
        shared.live.clone()
    }
}

impl FromRef<Shared> for Pages {
    fn from_ref(shared: &Shared) -> Self {
        shared.pages.clone()
    }
}

/// The pages of a server.
fn pages(stats: &EndpointStats, live: LiveFeed) -> Pages {
    let service = stats.recorder().service().clone();
    Pages::new(StatsReader::new(stats.store().clone())).of_server(service, stats.books_view().clone(), live)
}

/// The routes that are counted, whatever is answered: a request that is turned away or given up too.
///
/// What others send goes to `ingest`; questions go to the store of `stats`; `access` says who may do which, and `limits` how
/// much.
pub fn main(stats: &EndpointStats, live: LiveFeed, ingest: Ingest, access: Access, limits: RequestLimits) -> Router {
    let pages = pages(stats, live.clone()).with_writers(Arc::clone(&ingest.ledger));
    let api = Api {
        reader: StatsReader::new(stats.store().clone()),
        books: Some(stats.books_view().clone()),
        live: Some(live.clone()),
        writers: Some(Arc::clone(&ingest.ledger)),
    };
    let (taking, described) = ingest::described(ingest);
    let routes = Router::new()
        .route("/", get(welcome))
        .route("/stats", get(all_stats))
        .route("/live", get(live_hits))
        .with_state(Shared { fleet: stats.fleet().clone(), live, pages: pages.clone() })
        .merge(pages::router(pages))
        .merge(api::router_beside(described, api))
        .merge(taking)
        .fallback(nothing_here)
        .layer(access::layer(access));
    sheltered(routes, limits).layer(stats.layer())
}

/// The routes that say whether the server is well, to anybody.
pub(super) fn health(readiness: Readiness) -> Router {
    Router::new()
        .route("/health", get(async || Json(Status { status: "ok", reason: None })))
        .route("/ready", get(ready).with_state(readiness))
}

/// The metrics, to anybody.
pub(super) fn metrics(exposition: Exposition) -> Router {
    Router::new().route("/metrics", get(prometheus).with_state(exposition))
}

/// The metrics, to those who may read everything.
pub(super) fn guarded_metrics(exposition: Exposition, access: Access) -> Router {
    metrics(exposition).route_layer(from_extractor::<ReadsEverything>()).layer(access::layer(access))
}

async fn welcome(
    State(fleet): State<FleetView>,
    headers: HeaderMap,
    place: Place,
    visit: Result<Visit, ApiError>,
    reads_everything: Result<ReadsEverything, ApiError>,
) -> Response {
    if wants_html(&headers) {
        return pages::show::<Overview>(place, visit).await;
    }
    if let Err(refusal) = reads_everything {
        return refusal.into_response();
    }
    let access_count = fleet.hits_at("/");
    let welcome = Welcome { message: "Endpoint statistics you can trust, in your own store.", access_count };
    ([(header::VARY, "accept")], Json(welcome)).into_response()
}

async fn live_hits(
    live: State<LiveFeed>,
    headers: HeaderMap,
    place: Place,
    visit: Result<Visit, ApiError>,
    principal: Result<Principal, ApiError>,
) -> Response {
    if wants_html(&headers) {
        return pages::show::<LivePage>(place, visit).await;
    }
    ([(header::VARY, "accept")], live::show(live, principal)).into_response()
}

async fn all_stats(State(fleet): State<FleetView>, _: ReadsEverything) -> Json<Stats> {
    let mut stats = BTreeMap::<String, u64>::new();
    for count in fleet.counts() {
        let hits = stats.entry(count.endpoint.route().as_str().to_owned()).or_default();
        *hits = hits.saturating_add(count.hits);
    }
    Json(Stats { stats, access_count: fleet.hits_at("/stats") })
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, Json<Status>) {
    match readiness.check().await {
        Ok(()) => (StatusCode::OK, Json(Status { status: "ready", reason: None })),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, Json(Status { status: "not ready", reason: Some(reason) })),
    }
}

async fn prometheus(State(exposition): State<Exposition>, headers: HeaderMap) -> Result<Response, ApiError> {
    let format = Format::of(&headers);
    let rendered = tokio::task::spawn_blocking(move || exposition.render(format)).await;
    let page = rendered
        .map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no metrics were rendered"))?;
    let labelled = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, HeaderValue::from_static("accept"))];
    Ok((labelled, page).into_response())
}

async fn nothing_here() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here").with_hint(
        "try /, /stats, /live, /endpoint, /unused, /books, or /docs for those under /v1; /health, /ready and /metrics may have an address of their own",
    )
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accept| accept.contains("text/html"))
}
