//! A service whose statistics go to a server: what it counted is what stands there.

use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::store::{MemoryStore, StatsStore};
use endpoint_stats_core::{EndpointStats, Hit, Method, Outcome, ServiceName};
use tokio::time::interval;

use super::{Server, behind_a_proxy, connect};
use crate::flush::hit;
use crate::small_batches::{endpoint, total};

/// Flushes often.
pub(super) fn often() -> FlushConfig {
    FlushConfig { interval: Duration::from_millis(20), ..FlushConfig::default() }
}

fn shop(store: impl StatsStore + 'static) -> EndpointStats {
    EndpointStats::builder(ServiceName::new("shop").unwrap()).with_store(store).with_flush(often()).start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_service_counted_is_what_its_server_has() {
    let kept = Arc::new(MemoryStore::default());
    let server = Server::over(kept.clone()).await;
    let stats = shop(connect(server.addr));
    let failed = Hit {
        outcome: Outcome::Status(503),
        latency: Some(Duration::from_millis(9).into()),
        duration: Some(Duration::from_millis(9).into()),
        response_bytes: 7,
        caller: None,
    };

    let mut rounds = interval(Duration::from_millis(2));
    for round in 0..200 {
        rounds.tick().await;
        hit(stats.recorder(), "/users/{id}", round);
        let arrival = Arrival { method: Method::Get, route: Some("/orders"), consumer: None };
        stats.recorder().begin(arrival).unwrap().end(&failed);
    }
    let books = stats.shutdown(Duration::from_secs(30)).await.books;

    let truth = (0..200).sum::<u64>() + 200;
    assert_eq!((books.observed, books.stored, books.pending, books.dropped), (truth, truth, 0, 0));
    let known = kept.endpoints().await.unwrap();
    let hits: Vec<_> = known.iter().map(|status| (status.endpoint.route().as_str(), status.hits)).collect();
    assert_eq!(hits, [("/orders", 200), ("/users/{id}", truth - 200)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_starts_without_its_server_and_loses_nothing() {
    let (store, proxy, kept, _server) = behind_a_proxy().await;
    proxy.refuse().await;
    let stats = shop(store);
    hit(stats.recorder(), "/users/{id}", 500);
    let mut looks = interval(Duration::from_millis(5));
    while stats.books().pending < 500 {
        looks.tick().await;
    }

    proxy.pass().await;
    let books = stats.shutdown(Duration::from_mins(1)).await.books;

    assert_eq!((books.stored, books.pending, total(&*kept).await), (500, 0, 500));
}

#[tokio::test]
async fn endpoints_that_a_service_registers_are_known_to_its_server() {
    let kept = Arc::new(MemoryStore::default());
    let server = Server::over(kept.clone()).await;
    let stats = shop(connect(server.addr));

    stats.register(&[(Method::Get, "/never")]).await.unwrap();

    let known = kept.endpoints().await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!((&known[0].endpoint, known[0].hits), (&endpoint("/never"), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_see_each_others_hits() {
    let server = Server::over(Arc::new(MemoryStore::default())).await;
    let (one, other) = (shop(connect(server.addr)), shop(connect(server.addr)));

    hit(one.recorder(), "/users/{id}", 40);
    hit(other.recorder(), "/users/{id}", 2);

    let mut looks = interval(Duration::from_millis(5));
    while one.fleet().hits_at("/users/{id}") < 42 || other.fleet().hits_at("/users/{id}") < 42 {
        looks.tick().await;
    }
    assert_eq!(one.fleet().hits_at("/users/{id}"), 42);
}
