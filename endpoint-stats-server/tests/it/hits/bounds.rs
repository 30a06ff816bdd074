//! However much is sent, what is kept has a bound.

use std::fmt::Write;
use std::sync::Arc;

use endpoint_stats_core::store::MemoryStore;
use endpoint_stats_server::ingest::Limits;

use super::hit;
use crate::takers::{Taker, gzip};

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

/// Lines of hits, each of a route of its own.
fn routes(numbers: std::ops::Range<u64>) -> String {
    numbers.fold(String::new(), |mut lines, number| {
        let _ = writeln!(lines, r#"{{"service":"shop","method":"GET","route":"/{number}","status":200}}"#);
        lines
    })
}

#[tokio::test]
async fn endpoints_of_one_request_beyond_the_limit_are_folded_and_told() {
    let taker = Taker::new().await;

    let answer = taker.lines(routes(0..2_010)).await;

    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(2_010)));
    assert_eq!(answer.json()["folded"], 10);
    assert_eq!(answer.headers["x-endpoint-stats-folded"], "10");
    assert_eq!(taker.endpoint("shop GET _OVERFLOW").await.summary.counts.hits(), 10);
    assert_eq!(taker.endpoint("shop GET /1999").await.summary.counts.hits(), 1);
}

#[tokio::test]
async fn new_endpoints_beyond_the_limit_are_folded_and_known_ones_go_on() {
    let taker = Taker::with_limits(Limits { endpoints_per_service: 5, ..Limits::default() }).await;
    taker.lines(routes(0..5)).await;

    let answer = taker.lines(routes(0..8)).await;

    assert_eq!(answer.json()["folded"], 3);
    assert_eq!(taker.endpoint("shop GET /4").await.summary.counts.hits(), 2);
    assert_eq!(taker.endpoint("shop GET _OVERFLOW").await.summary.counts.hits(), 3);
    assert_eq!(taker.total().await, 13);
}

#[tokio::test]
async fn a_restart_takes_no_endpoint_its_key() {
    let limits = Limits { endpoints_per_service: 5, ..Limits::default() };
    let taker = Taker::with_limits(limits).await;
    taker.lines(routes(0..5)).await;

    let restarted = Taker::before(taker.store.clone(), limits);
    let answer = restarted.lines(routes(4..6)).await;

    assert_eq!(answer.json()["folded"], 1);
    assert_eq!(taker.endpoint("shop GET /4").await.summary.counts.hits(), 2);
}

#[tokio::test]
async fn a_million_new_routes_end_under_one_key() {
    let taker = Taker::new().await;

    for part in 0..10 {
        let answer = taker.lines(routes(part * 100_000..(part + 1) * 100_000)).await;
        assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(100_000)));
    }

    let report = taker.report().await;
    assert_eq!(report.totals.counts.hits(), 1_000_000);
    assert!(report.endpoints.len() <= 10_001, "{} endpoints", report.endpoints.len());
}

#[tokio::test]
async fn services_beyond_the_limit_are_refused() {
    let taker = Taker::with_limits(Limits { services: 2, ..Limits::default() }).await;
    let of = |service: &str| hit("").replace("shop", service);

    assert_eq!(taker.lines(format!("{}\n{}", of("a"), of("b"))).await.status, 200);
    assert_eq!(taker.hits(of("c")).await.error(), (422, "too_many_services".to_owned(), "service".to_owned()));
    assert_eq!(taker.lines([of("d"), of("e"), of("f")].join("\n")).await.status, 422);
    assert_eq!(taker.hits(of("a")).await.status, 200);
    assert_eq!(taker.total().await, 3);
}

#[tokio::test]
async fn windows_of_one_request_beyond_the_limit_are_refused() {
    let taker = Taker::with_limits(Limits { windows_per_request: 10, ..Limits::default() }).await;
    let rows =
        |count: i64| (0..count).map(|n| hit(&format!(r#""time":{}"#, 1_700_000_000 + n * 10))).collect::<Vec<_>>();

    assert_eq!(taker.lines(rows(10).join("\n")).await.status, 200);
    let answer = taker.lines(rows(11).join("\n")).await;

    assert_eq!(answer.error(), (422, "too_many_windows".to_owned(), "time".to_owned()));
    assert_eq!(taker.total().await, 10);
}

#[tokio::test]
async fn consumers_beyond_the_limit_are_folded() {
    let taker = Taker::with_limits(Limits { consumers_per_service: 2, ..Limits::default() }).await;

    for name in ["a", "b", "c", "a", "d"] {
        taker.hits(hit(&format!(r#""consumer":"{name}""#))).await;
    }

    let counts = taker.endpoint("shop GET /users/{id}").await.summary.counts;
    let consumers: Vec<_> = counts.consumers.iter().map(|(name, counts)| (name.as_str(), counts.hits)).collect();
    assert_eq!(consumers, [("_OVERFLOW", 2), ("a", 2), ("b", 1)]);
}

#[tokio::test]
async fn a_body_past_its_limit_is_refused() {
    let limits = Limits { document_bytes: 1_000, stream_bytes: 2_000, line_bytes: 500, ..Limits::default() };
    let taker = Taker::with_limits(limits).await;
    let lines = format!("{}\n", hit("")).repeat(100);

    for answer in [
        taker.hits(format!("[{}]", vec![hit(""); 100].join(","))).await,
        taker.lines(lines.clone()).await,
        taker.post("/v1/hits", &[JSON, GZIP], gzip(" ".repeat(1_001).as_bytes())).await,
        taker.post("/v1/hits", &[LINES, GZIP], gzip(lines.as_bytes())).await,
    ] {
        assert_eq!(answer.error(), (413, "body_too_large".to_owned(), String::new()));
    }
    let long = taker.lines(format!("{}\n{}", hit(""), " ".repeat(600))).await;
    assert_eq!(long.error(), (413, "line_too_long".to_owned(), String::new()));
    assert_eq!(long.json()["error"]["line"], 2);
    assert_eq!(taker.total().await, 0);
}

#[tokio::test]
async fn a_body_that_unpacks_without_end_is_refused() {
    let taker = Taker::new().await;
    let bomb = gzip(&vec![b'\n'; 60 << 20]);
    assert!(bomb.len() < 100_000);

    let answer = taker.post("/v1/hits", &[LINES, GZIP], bomb).await;

    assert_eq!(answer.error(), (413, "body_too_large".to_owned(), String::new()));
    assert_eq!(answer.json()["error"]["max_ratio"], 100);
}

#[tokio::test]
async fn members_that_unpack_to_nothing_are_refused_past_the_limit() {
    let taker = Taker::with_limits(Limits { stream_bytes: 1_000, ..Limits::default() }).await;

    let answer = taker.post("/v1/hits", &[LINES, GZIP], gzip(b"").repeat(100)).await;

    assert_eq!(answer.status, 413);
}

/// How often another task of the same thread has its turn while something is done.
async fn turns_of_others<T>(work: impl Future<Output = T> + Send + 'static) -> (u64, T)
where
    T: Send + 'static,
{
    let work = tokio::spawn(work);
    let mut turns = 0;
    while !work.is_finished() {
        tokio::task::yield_now().await;
        turns += 1;
    }
    (turns, work.await.unwrap())
}

#[tokio::test]
async fn other_requests_have_their_turns_while_a_large_body_is_parsed() {
    let store = Arc::new(MemoryStore::default());
    let row = hit(r#""caller":"192.0.2.7""#);
    let rows = 60_000;
    // Parsed where it is read, the document leaves them a few hundred.
    let document = (JSON, format!("[{}]", vec![row.as_str(); rows].join(",")), 5_000);
    let lines = (LINES, format!("{row}\n").repeat(rows), 50);
    for (kind, body, at_least) in [document, lines] {
        let taker = Taker::before(store.clone(), Limits::default());

        let (turns, answer) = turns_of_others(async move { taker.post("/v1/hits", &[kind], body).await }).await;

        assert_eq!(answer.json()["accepted"], rows);
        assert!(turns > at_least, "{kind:?}: others had {turns} turns");
    }
}
