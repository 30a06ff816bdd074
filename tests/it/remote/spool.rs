//! A service with a spool whose server is away, or forgets: what it counted is what stands there.

use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::flush::spool::{Spool, SpoolOptions};
use endpoint_stats_core::store::{MemoryStore, StatsStore};
use endpoint_stats_core::{EndpointStats, ServiceName};
use tokio::time::interval;

use super::service::often;
use super::{Server, behind_a_proxy, connect};
use crate::flush::hit;
use crate::small_batches::total;

fn shop(store: impl StatsStore + 'static, spool: Spool) -> EndpointStats {
    let shop = EndpointStats::builder(ServiceName::new("shop").unwrap());
    shop.with_store(store).with_flush(often()).with_spool(spool).start()
}

async fn until_spooled(stats: &EndpointStats, hits: u64) {
    let mut looks = interval(Duration::from_millis(5));
    while stats.books().spooled < hits {
        looks.tick().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hits_outlive_a_service_whose_server_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Spool::open(folder.path(), SpoolOptions::default()).unwrap();
    let (store, proxy, kept, server) = behind_a_proxy().await;
    proxy.refuse().await;
    let stats = shop(store, open());
    for round in 1..=5 {
        hit(stats.recorder(), "/users/{id}", 100);
        until_spooled(&stats, round * 100).await;
    }
    let ended = stats.shutdown(Duration::from_millis(200)).await.books;
    assert_eq!((ended.spooled, ended.pending, ended.stored), (500, 0, 0));

    let stats = shop(connect(server.addr), open());
    hit(stats.recorder(), "/users/{id}", 1);
    let books = stats.shutdown(Duration::from_secs(30)).await.books;

    assert_eq!((books.found, books.stored, total(&*kept).await), (500, 501, 501));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_everything_gets_the_backlog_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Spool::open(folder.path(), SpoolOptions::default()).unwrap();
    let (store, proxy, kept, _server) = behind_a_proxy().await;
    let stats = shop(store, open());
    hit(stats.recorder(), "/users/{id}", 10);
    let mut looks = interval(Duration::from_millis(5));
    while stats.books().stored < 10 {
        looks.tick().await;
    }
    proxy.refuse().await;
    proxy.cut().await;
    hit(stats.recorder(), "/users/{id}", 5);
    until_spooled(&stats, 5).await;
    stats.shutdown(Duration::from_millis(200)).await;
    let empty = Arc::new(MemoryStore::default());
    let server = Server::over(empty.clone()).await;

    let books = shop(connect(server.addr), open()).shutdown(Duration::from_secs(30)).await.books;

    assert_eq!((books.found, books.stored), (5, 5));
    assert_eq!((total(&*kept).await, total(&*empty).await), (10, 5));
}
