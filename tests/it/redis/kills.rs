//! A Redis that is killed or loses its scripts while writers write: nothing acknowledged is lost, nothing is doubled.

use std::sync::Arc;

use endpoint_stats_core::store::{Applied, StatsStore, WriterId};
use tokio::task::block_in_place;

use super::writers::{Writers, by_route};
use super::{PrivateStore, connect};
use crate::small_batches::{batch, total};
use crate::support::redis::RedisServer;

/// Kills the server three times while a store's writers write, and compares what was acknowledged with what is there.
pub(crate) async fn kills_lose_and_double_nothing(server: &mut RedisServer, store: Arc<dyn StatsStore>) {
    let mut writers = Writers::start(&store, 8);
    for _ in 0..3 {
        writers.until_more(80).await;
        block_in_place(|| {
            server.kill_9();
            server.start_again();
        });
    }
    writers.until_more(80).await;
    let acknowledged = writers.finish().await;

    assert_eq!(by_route(&connect(&server.url()).await).await, acknowledged);
}

async fn kills_with(appendfsync: &str) {
    let mut server = RedisServer::builder().setting("appendfsync", appendfsync).start();
    let store = Arc::new(connect(&server.url()).await);
    kills_lose_and_double_nothing(&mut server, store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing_where_every_write_is_synced() {
    kills_with("always").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing_where_writes_are_synced_every_second() {
    kills_with("everysec").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_double_nothing_where_writes_are_never_synced() {
    kills_with("no").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_and_started_again_has_everything() {
    let mut store = PrivateStore::start().await;
    let writer = WriterId::random();
    for seq in 1..=5 {
        assert_eq!(store.apply(&batch(writer, seq, 1)).await.unwrap(), Applied::Applied);
        block_in_place(|| {
            store.server.stop();
            store.server.start_again();
        });
        assert_eq!(total(&*store).await, seq);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_that_are_flushed_in_between_change_nothing() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();

    for seq in 1..=20 {
        store.server.cli(&["SCRIPT", "FLUSH"]);
        assert_eq!(store.apply(&batch(writer, seq, 1)).await.unwrap(), Applied::Applied);
        store.server.cli(&["SCRIPT", "FLUSH"]);
        assert_eq!(store.apply(&batch(writer, seq, 1)).await.unwrap(), Applied::Duplicate);
    }

    assert_eq!(total(&*store).await, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_that_are_flushed_while_writers_write_change_nothing() {
    let private = PrivateStore::start().await;
    let store: Arc<dyn StatsStore> = Arc::new(private.store.clone());
    let mut writers = Writers::start(&store, 8);

    for _ in 0..30 {
        block_in_place(|| private.server.cli(&["SCRIPT", "FLUSH"]));
        writers.until_more(20).await;
    }
    let acknowledged = writers.finish().await;

    assert_eq!(by_route(&*store).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_the_server_ends_are_replaced() {
    let private = PrivateStore::start().await;
    let store: Arc<dyn StatsStore> = Arc::new(private.store.clone());
    let mut writers = Writers::start(&store, 4);

    for _ in 0..20 {
        block_in_place(|| private.server.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]));
        writers.until_more(10).await;
    }
    let acknowledged = writers.finish().await;

    assert_eq!(by_route(&*store).await, acknowledged);
}
