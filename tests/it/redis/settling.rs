//! Many processes settle and roll up what they all write: each change is made whole, once, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::store::{Batch, Retention, StatsStore, StoreErrorKind, WriterId};
use tokio::task::{JoinHandle, block_in_place};

use super::writers::{Writers, by_route};
use super::{PrivateStore, connect, key, mark};
use crate::small_batches::{NOON, batch, shown, total};
use crate::support::redis::{RedisCluster, RedisServer};

/// Processes that write, settle and roll up, all of them the same endpoints.
struct Processes {
    writers: Vec<Writers>,
    rolling: Vec<JoinHandle<()>>,
}

impl Processes {
    async fn start(url: &str, count: usize) -> Self {
        let mut processes = Self { writers: Vec::new(), rolling: Vec::new() };
        for _ in 0..count {
            let store: Arc<dyn StatsStore> = Arc::new(connect(url).await);
            processes.writers.push(Writers::start(&store, 3));
            processes.rolling.push(tokio::spawn(roll_up_for_ever(store)));
        }
        processes
    }

    /// Waits until each process wrote so many more batches.
    async fn until_more(&mut self, batches: u64) {
        for writers in &mut self.writers {
            writers.until_more(batches).await;
        }
    }

    /// Ends them, and returns what they counted together.
    async fn finish(self) -> BTreeMap<String, u64> {
        let mut acknowledged = BTreeMap::new();
        for writers in self.writers {
            for (route, hits) in writers.finish().await {
                *acknowledged.entry(route).or_default() += hits;
            }
        }
        for rolling in self.rolling {
            assert!(!rolling.is_finished(), "{:?}", rolling.await);
            rolling.abort();
        }
        acknowledged
    }
}

/// Settles what has arrived, and moves windows up tier by tier, while new ones come in below.
async fn roll_up_for_ever(store: Arc<dyn StatsStore>) {
    for day in (1..500).cycle() {
        if let Err(error) = store.roll_up(NOON.plus_secs(day * 86_400), &Retention::default()).await {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
            assert!(!shown(&error).contains("empty"), "{}", shown(&error));
        }
    }
}

/// The hits of each route as its endpoint knows them over all time.
async fn by_endpoint(store: &dyn StatsStore) -> BTreeMap<String, u64> {
    let endpoints = store.endpoints().await.unwrap().into_iter();
    endpoints.map(|status| (status.endpoint.route().as_str().to_owned(), status.hits)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_settle_and_roll_up_together_change_no_sum() {
    let store = PrivateStore::start().await;
    let mut processes = Processes::start(&store.server.url(), 4).await;

    processes.until_more(300).await;
    let acknowledged = processes.finish().await;

    assert_eq!(by_route(&*store).await, acknowledged);
    assert_eq!(by_endpoint(&*store).await, acknowledged);
    store.roll_up(NOON.plus_secs(86_400), &Retention::default()).await.unwrap();
    assert_eq!(store.server.cli(&["LLEN", &key("arrivals")]), "0");
    assert_eq!(by_route(&*store).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_while_processes_settle_and_roll_up_change_no_sum() {
    let mut server = RedisServer::start();
    let mut processes = Processes::start(&server.url(), 3).await;
    for _ in 0..4 {
        processes.until_more(60).await;
        block_in_place(|| {
            server.kill_9();
            server.start_again();
        });
    }
    processes.until_more(60).await;
    let acknowledged = processes.finish().await;

    let store = connect(&server.url()).await;
    assert_eq!(by_route(&store).await, acknowledged);
    assert_eq!(by_endpoint(&store).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_while_processes_settle_and_roll_up_change_no_sum() {
    let cluster = RedisCluster::start();
    let mut processes = Processes::start(&cluster.url(), 3).await;
    for _ in 0..2 {
        processes.until_more(60).await;
        block_in_place(|| cluster.move_slots(6));
    }
    processes.until_more(60).await;
    let acknowledged = processes.finish().await;

    let store = connect(&cluster.url()).await;
    assert_eq!(by_route(&store).await, acknowledged);
    assert_eq!(by_endpoint(&store).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_are_answered_with_one_sum_while_windows_move() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    for seq in 1..=40 {
        store.apply(&batch(writer, seq, 1)).await.unwrap();
    }
    let other: Arc<dyn StatsStore> = Arc::new(connect(&store.server.url()).await);
    let rolling = tokio::spawn(roll_up_for_ever(Arc::clone(&other)));

    for seq in 41..=400 {
        store.apply(&batch(writer, seq, 1)).await.unwrap();
        assert_eq!(total(&*store).await, seq);
    }

    assert!(!rolling.is_finished());
    rolling.abort();
}

#[tokio::test]
async fn a_writer_is_forgotten_when_its_time_is_over() {
    let store = PrivateStore::start().await;
    let a_batch = || Batch::new(WriterId::random(), 1, Vec::new());
    let an_hour = Duration::from_hours(1);
    for (batch, secs) in [
        (a_batch().remembered_for(an_hour), 3_600),
        (a_batch().with_checkpoint(vec![1]).remembered_for(an_hour), 3_600),
        (a_batch(), 30 * 86_400),
        (a_batch().with_checkpoint(vec![1]), -1),
    ] {
        store.apply(&batch).await.unwrap();

        let left: i64 = store.server.cli(&["ttl", &mark(batch.writer)]).trim().parse().unwrap();
        assert!((secs - 60..=secs).contains(&left) || left == secs, "{left} of {secs}");
    }
}
