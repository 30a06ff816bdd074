//! Which endpoint a request counts for.

use std::convert::Infallible;

use endpoint_stats_core::aggregate::{Limits, RoutePatterns};
use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};

use crate::recording::Recording;

async fn send(recording: &Recording, method: &str, path: &str) {
    let service =
        recording.layer().layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));
    let request = Request::builder().method(method).uri(path);
    service.oneshot(request.body(()).unwrap()).await.unwrap();
}

fn with_patterns(patterns: RoutePatterns) -> Recording {
    Recording::with_limits(Limits { patterns, ..Limits::default() })
}

#[tokio::test]
async fn an_ignored_template_is_not_counted_at_all() {
    let patterns = RoutePatterns::default().with_ignored("/health").unwrap();
    let recording = with_patterns(patterns);

    for _ in 0..3 {
        send(&recording, "GET", "/health").await;
        send(&recording, "GET", "/users").await;
    }

    assert_eq!(recording.lines(), ["GET /users 200 x3"]);
    assert_eq!(recording.aggregator().begun_at("/health"), 0);
}

#[tokio::test]
async fn a_grouped_template_counts_for_its_group_by_method() {
    let patterns = RoutePatterns::default().with_group("/static/{*rest}", "/static").unwrap();
    let recording = with_patterns(patterns);

    for (method, path) in [("GET", "/static/a.css"), ("GET", "/static/b/c.js"), ("PUT", "/static/a")] {
        send(&recording, method, path).await;
        send(&recording, method, path).await;
    }

    assert_eq!(recording.lines(), ["GET /static 200 x4", "PUT /static 200 x2"]);
    assert_eq!(recording.aggregator().begun_at("/static"), 6);
}

#[tokio::test]
async fn a_request_that_no_route_matched_is_unmatched_whatever_its_path() {
    let recording = Recording::new();

    send(&recording, "GET", "/unmatched").await;
    send(&recording, "POST", "/unmatched").await;

    assert_eq!(recording.lines(), ["GET _UNMATCHED 200", "POST _UNMATCHED 200"]);
}

#[tokio::test]
async fn a_template_over_512_bytes_is_refused_counted_and_told() {
    let recording = Recording::new();
    let longest = format!("/{}", "a".repeat(511));

    send(&recording, "GET", &longest).await;
    send(&recording, "GET", &format!("{longest}a")).await;
    send(&recording, "GET", &format!("{longest}b")).await;

    assert_eq!(recording.lines(), [format!("GET {longest} 200"), "GET _REFUSED 200 x2".to_owned()]);
    assert_eq!(recording.aggregator().refused(), 2);
}

#[tokio::test]
async fn methods_outside_of_the_standards_are_one() {
    let recording = Recording::new();

    for method in ["BREW", "get", "PROPFIND"] {
        send(&recording, method, "/pot").await;
    }

    assert_eq!(recording.lines(), ["_OTHER /pot 200 x3"]);
}

#[tokio::test]
async fn endpoints_over_the_limit_fold_into_one_key_a_method_and_known_ones_go_on() {
    let recording = Recording::with_limits(Limits { max_endpoints: 2, ..Limits::default() });

    for path in ["/a", "/b", "/c", "/d", "/c", "/a", "/unmatched"] {
        send(&recording, "GET", path).await;
    }
    send(&recording, "PUT", "/a").await;

    assert_eq!(
        recording.lines(),
        ["GET /a 200 x2", "GET /b 200", "GET _OVERFLOW 200 x3", "GET _UNMATCHED 200", "PUT _OVERFLOW 200",]
    );
    assert_eq!(recording.aggregator().folded(), 4);
}

#[tokio::test]
async fn a_recorder_with_room_for_nothing_still_counts_everything() {
    let recording = Recording::with_limits(Limits { max_endpoints: 0, max_consumers: 0, ..Limits::default() });

    send(&recording, "GET", "/a").await;
    send(&recording, "GET", "/b").await;

    assert_eq!(recording.lines(), ["GET _OVERFLOW 200 x2"]);
}
