//! What a router goes through, on routes that misbehave as no route of the server does.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::routing::{get, post};
use endpoint_stats_core::store::StatsQuery;
use endpoint_stats_core::window::TimeRange;
use endpoint_stats_core::{EndpointStats, Outcome, ServiceName};
use futures_util::stream;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt;

use super::*;

async fn panics() -> String {
    panic!("the secret is 4711")
}

async fn page(Query(page): Query<Vec<(String, u32)>>) -> String {
    format!("{page:?}")
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

fn events() -> Response {
    let first = stream::iter([Ok::<_, Infallible>("data: 1\n\n")]);
    let body = Body::from_stream(futures_util::StreamExt::chain(first, stream::pending()));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// Tells the drain, and answers.
fn server(limits: RequestLimits) -> (watch::Sender<bool>, Router) {
    let (drain, draining) = watch::channel(false);
    let routes = Router::new()
        .route("/panics", get(panics))
        .route("/hangs", get(pending::<String>))
        .route("/page", get(page))
        .route("/length", post(length))
        .route("/events", get(async || events()))
        .route("/long", get(async || Json("x".repeat(2_000))))
        .route("/short", get(async || Json("x")));
    (drain, hardened(sheltered(routes, limits), Draining::new(draining)))
}

fn router() -> Router {
    server(RequestLimits::default()).1
}

async fn ask(router: &Router, request: axum::http::request::Builder, body: Body) -> (Response<()>, Value) {
    let response = router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
    (Response::from_parts(parts, ()), json)
}

async fn get_from(router: &Router, path: &str) -> (Response<()>, Value) {
    ask(router, Request::get(path).header(REQUEST_ID, "r-1"), Body::empty()).await
}

#[tokio::test]
async fn a_panic_costs_one_request_and_tells_nothing() {
    let router = router();

    let (response, answer) = get_from(&router, "/panics").await;

    assert_eq!(response.status(), 500);
    assert_eq!(answer["error"]["code"], "internal");
    assert_eq!(answer["error"]["request_id"], "r-1");
    assert!(!answer.to_string().contains("4711"), "{answer}");
    assert_eq!(get_from(&router, "/short").await.0.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_given_up() {
    let (response, answer) = get_from(&router(), "/hangs").await;

    assert_eq!(response.status(), 503);
    assert_eq!(answer["error"]["code"], "timed_out");
    assert_eq!(response.headers()["retry-after"], "1");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_finds_no_turn_is_turned_away_at_once() {
    let (_drain, router) = server(RequestLimits { max_at_once: 1, ..RequestLimits::default() });
    let first = tokio::spawn(router.clone().oneshot(Request::get("/hangs").body(Body::empty()).unwrap()));
    tokio::task::yield_now().await;

    let (response, answer) = get_from(&router, "/short").await;

    assert_eq!(response.status(), 503);
    assert_eq!(answer["error"]["code"], "overloaded");
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(first.await.unwrap().unwrap().status(), 503, "the first took its turn until it was given up");
    assert_eq!(get_from(&router, "/short").await.0.status(), 200);
}

/// A body whose parts come so long after each other.
fn slow_body(parts: u32, part: &'static [u8], pause: Duration) -> Body {
    let start = Instant::now();
    Body::from_stream(stream::unfold(0, move |n| async move {
        tokio::time::sleep_until(start + pause * (n + 1)).await;
        (n < parts).then_some((Ok::<_, Infallible>(Bytes::from_static(part)), n + 1))
    }))
}

#[tokio::test(start_paused = true)]
async fn a_client_that_pauses_in_its_body_is_given_up() {
    let body = slow_body(1, b"x", Duration::from_secs(11));

    let (response, answer) = ask(&router(), Request::post("/length"), body).await;

    assert_eq!(response.status(), 408);
    assert_eq!(answer["error"]["code"], "body_too_slow");
    assert_eq!(response.headers()["connection"], "close");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drips_its_body_is_given_up() {
    let started = Instant::now();

    let (response, _) = ask(&router(), Request::post("/length"), slow_body(100, b"x", Duration::from_secs(1))).await;

    assert_eq!(response.status(), 408);
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_steady_body_may_take_longer_than_an_answer() {
    let body = slow_body(60, &[0; 2_048], Duration::from_secs(1));

    let (response, answer) = ask(&router(), Request::post("/length"), body).await;

    assert_eq!(response.status(), 200);
    assert_eq!(answer, 60 * 2_048);
}

#[tokio::test]
async fn a_body_past_the_limit_of_its_path_is_refused() {
    let (_drain, router) = server(RequestLimits { max_body: 10, ..RequestLimits::default() });

    let (response, answer) = ask(&router, Request::post("/length"), Body::from("x".repeat(11))).await;

    assert_eq!(response.status(), 413);
    assert_eq!(answer["error"]["code"], "too_large");
    assert_eq!(ask(&router, Request::post("/length"), Body::from("x".repeat(10))).await.1, 10);
}

#[tokio::test]
async fn a_refusal_of_axum_is_told_like_any_other() {
    let router = router();

    let (nowhere, nothing) = get_from(&router, "/nowhere").await;
    let (wrong_method, allowed) = ask(&router, Request::delete("/short"), Body::empty()).await;
    let (wrong_query, reason) = get_from(&router, "/page?x=y").await;

    assert_eq!((nowhere.status().as_u16(), &nothing["error"]["code"]), (404, &"not_found".into()));
    assert_eq!((wrong_method.status().as_u16(), &allowed["error"]["code"]), (405, &"method_not_allowed".into()));
    assert_eq!(wrong_method.headers()["allow"], "GET,HEAD");
    assert_eq!((wrong_query.status().as_u16(), &reason["error"]["code"]), (400, &"bad_request".into()));
    assert!(reason["error"]["message"].as_str().unwrap().contains("invalid digit"), "{reason}");
    assert_eq!(wrong_query.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn every_answer_carries_the_name_of_its_request() {
    let router = router();

    let (named, _) = get_from(&router, "/short").await;
    let (unnamed, _) = ask(&router, Request::get("/nowhere"), Body::empty()).await;

    assert_eq!(named.headers()[REQUEST_ID], "r-1");
    assert_eq!(unnamed.headers()[REQUEST_ID].len(), 36);
    assert_eq!(named.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn long_text_is_compressed_for_those_who_can_read_it() {
    let router = router();
    let gzip = |path| Request::get(path).header(header::ACCEPT_ENCODING, "gzip");

    let (long, _) = ask(&router, gzip("/long"), Body::empty()).await;
    let (short, _) = ask(&router, gzip("/short"), Body::empty()).await;
    let (plain, text) = get_from(&router, "/long").await;

    assert_eq!(long.headers()["content-encoding"], "gzip");
    assert!(!short.headers().contains_key("content-encoding"));
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(text, "x".repeat(2_000));
}

#[tokio::test]
async fn a_stream_of_events_ends_when_the_server_does() {
    let (drain, router) = server(RequestLimits::default());
    let request = Request::get("/events").header(header::ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert!(!response.headers().contains_key("content-encoding"));
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "data: 1\n\n");
    assert!(timeout(Duration::ZERO, body.frame()).await.is_err());

    drain.send(true).unwrap();

    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_refusal_counts_by_its_status() {
    let stats = EndpointStats::builder(ServiceName::new("shop").unwrap()).start();
    let app = Router::new()
        .route("/forbidden", get(async || ApiError::new(StatusCode::FORBIDDEN, "forbidden", "not you")))
        .route("/page", get(page))
        .route("/broken", get(async || (StatusCode::BAD_GATEWAY, "text of another server")))
        .layer(stats.layer());
    let (_drain, draining) = watch::channel(false);
    let router = hardened(app, Draining::new(draining));

    for path in ["/forbidden", "/page?page=x", "/broken"] {
        get_from(&router, path).await;
    }
    let store = Arc::clone(stats.store());
    stats.shutdown(SLOW).await;

    let outcomes = store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap().totals.counts.outcomes;
    let counted = [403, 400, 502].map(|status| outcomes.of(Outcome::Status(status)));
    assert_eq!(counted, [1, 1, 1], "{outcomes:?}");
}
