//! What is turned away is counted, too.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::store::{MemoryStore, StatsQuery, StatsStore};
use endpoint_stats_core::window::TimeRange;
use endpoint_stats_core::{EndpointStats, Outcome, ServiceName};
use endpoint_stats_server::access::{Access, AccessOptions, WithoutToken};
use endpoint_stats_server::ingest::Ingest;
use endpoint_stats_server::serve::{self, RequestLimits};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::command::PATIENCE;
use crate::gated_store::GatedStore;

const HIT: &str = r#"{"service":"shop","method":"GET","route":"/","status":200}"#;

async fn status(router: Router, request: axum::http::request::Builder, body: &'static str) -> u16 {
    let request = request.header("host", "localhost").header("content-type", "application/json");
    let answer = router.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    // An answer that is not read to its end was aborted.
    answer.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn a_request_that_is_turned_away_counts_at_its_route() {
    let (counted, sent) = (Arc::new(MemoryStore::default()), Arc::new(GatedStore::new(MemoryStore::default())));
    let stats = EndpointStats::builder(ServiceName::new("stats").unwrap()).with_shared_store(counted.clone()).start();
    let options = AccessOptions { without_token: WithoutToken::Everything, ..AccessOptions::default() };
    let limits = RequestLimits { max_at_once: 1, ..RequestLimits::default() };
    let (live, ingest) = (LiveFeed::of_this_process(), Ingest::new(sent.clone()));
    let router = serve::routes(&stats, live, ingest, Access::without_tokens(options), limits);
    sent.close();
    let working = tokio::spawn(status(router.clone(), Request::post("/v1/hits"), HIT));
    sent.wait_for_calls(1).await;

    let turned_away = status(router.clone(), Request::get("/v1/totals"), "").await;
    let nowhere = status(router, Request::get("/no/such/page"), "").await;
    sent.open();
    let worked = working.await.unwrap();
    stats.shutdown(PATIENCE).await;

    assert_eq!((turned_away, nowhere, worked), (503, 503, 200));
    let report = counted.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap();
    let outcomes = report.endpoints.iter().flat_map(|found| {
        found
            .summary
            .counts
            .outcomes
            .iter()
            .map(|(outcome, hits)| (found.endpoint.route().as_str().to_owned(), outcome, hits))
    });
    let mut outcomes: Vec<_> = outcomes.collect();
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        outcomes,
        [
            ("/v1/hits".to_owned(), Outcome::Status(200), 1),
            ("/v1/totals".to_owned(), Outcome::Status(503), 1),
            ("_UNMATCHED".to_owned(), Outcome::Status(503), 1),
        ]
    );
}
