//! `/live`: hits of the last seconds.

use axum::Json;
use axum::extract::State;
use endpoint_stats_core::store::live::{LiveFeed, SECONDS, Scope};
use serde::Serialize;

/// What was flushed in the last seconds.
#[derive(Serialize)]
pub(super) struct Live {
    /// `fleet`, or `this process` where there is no Redis or it is not heard.
    scope: &'static str,
    /// Processes that were heard, this one included.
    processes: usize,
    seconds: usize,
    /// Of all endpoints, the oldest second first; the last is not over yet.
    hits_by_second: [u64; SECONDS],
    endpoints: Vec<Endpoint>,
}

#[derive(Serialize)]
struct Endpoint {
    service: String,
    method: String,
    route: String,
    hits: u64,
    errors: u64,
}

pub(super) async fn show(State(feed): State<LiveFeed>) -> Json<Live> {
    let view = feed.view();
    let (scope, processes) = match view.scope {
        Scope::Fleet { processes } => ("fleet", processes),
        Scope::ThisProcess => ("this process", 1),
    };
    let endpoints = view.endpoints.into_iter().map(|live| Endpoint {
        service: live.endpoint.service().as_str().to_owned(),
        method: live.endpoint.method().to_string(),
        route: live.endpoint.route().as_str().to_owned(),
        hits: live.hits,
        errors: live.errors,
    });
    Json(Live {
        scope,
        processes,
        seconds: SECONDS,
        hits_by_second: view.hits_by_second,
        endpoints: endpoints.collect(),
    })
}
