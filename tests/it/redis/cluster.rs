//! A cluster whose slots move and whose masters die while writers write: the books balance.

use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::store::redis::RedisStore;
use endpoint_stats_core::store::{Applied, StatsStore, WriterId};
use tokio::task::block_in_place;

use super::writers::{Writers, by_route};
use super::{connect, options};
use crate::flush::Writer;
use crate::small_batches::{batch, total};
use crate::support::redis::{RedisCluster, RedisServer};

async fn impatient(cluster: &RedisCluster) -> Arc<dyn StatsStore> {
    let options = options(&cluster.url()).with_answer_within(Duration::from_secs(1));
    Arc::new(RedisStore::connect(options).await.unwrap())
}

/// What another process finds, once it can ask all masters.
async fn found_by_another(cluster: &RedisCluster) -> std::collections::BTreeMap<String, u64> {
    block_in_place(|| cluster.wait_until_ok());
    by_route(&connect(&cluster.url()).await).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_while_writers_write_lose_and_double_nothing() {
    let cluster = RedisCluster::start();
    let store = impatient(&cluster).await;
    let mut writers = Writers::start(&store, 12);
    let mut moved = 0;
    for _ in 0..3 {
        writers.until_more(200).await;
        moved += block_in_place(|| cluster.move_slots(12));
    }
    writers.until_more(200).await;
    let acknowledged = writers.finish().await;

    assert!(moved >= 12, "{moved} slots moved");
    assert_eq!(found_by_another(&cluster).await, acknowledged);
    assert_eq!(by_route(&*store).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_killed_and_started_again_loses_and_doubles_nothing() {
    let mut cluster = RedisCluster::of(&RedisServer::builder().setting("appendfsync", "everysec"));
    let store = impatient(&cluster).await;
    let mut writers = Writers::start(&store, 12);
    for master in 0..3 {
        writers.until_more(100).await;
        block_in_place(|| {
            cluster.kill_9(master);
            cluster.start_again(master);
        });
    }
    writers.until_more(100).await;
    let acknowledged = writers.finish().await;

    assert_eq!(found_by_another(&cluster).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_goes_on_through_a_killed_master_and_moving_slots() {
    let mut cluster = RedisCluster::start();
    let store = impatient(&cluster).await;
    let config = FlushConfig { interval: Duration::from_millis(20), retention: None, ..FlushConfig::default() };
    let writers: Vec<_> = (0..6).map(|_| Writer::with_config(Arc::clone(&store), config.clone())).collect();
    for round in 1..=3_u64 {
        for writer in &writers {
            writer.hit("/users/{id}", round);
        }
        block_in_place(|| cluster.move_slots(4));
        for writer in &writers {
            writer.hit("/orders", 1);
        }
        let master = usize::try_from(round).unwrap() - 1;
        block_in_place(|| {
            cluster.kill_9(master);
            cluster.start_again(master);
            cluster.wait_until_ok();
        });
    }
    for writer in writers {
        let books = writer.stop().await;
        assert_eq!((books.observed, books.stored, books.dropped), (9, 9, 0));
    }

    assert_eq!(total(&connect(&cluster.url()).await).await, 54);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_that_are_flushed_on_every_master_change_nothing() {
    let cluster = RedisCluster::start();
    let store = connect(&cluster.url()).await;
    let writers: Vec<_> = (0..12).map(|_| WriterId::random()).collect();

    for seq in 1..=5 {
        for master in 0..3 {
            cluster.master(master).cli(&["SCRIPT", "FLUSH"]);
        }
        for writer in &writers {
            assert_eq!(store.apply(&batch(*writer, seq, 1)).await.unwrap(), Applied::Applied);
        }
    }

    assert_eq!(total(&store).await, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_forgot_everything_is_filled_up_by_the_store_that_wrote() {
    let cluster = RedisCluster::start();
    let store = connect(&cluster.url()).await;
    let writers: Vec<_> = (0..12).map(|_| WriterId::random()).collect();
    for seq in 1..=4 {
        for writer in &writers {
            store.apply(&batch(*writer, seq, 1)).await.unwrap();
        }
    }

    cluster.master(1).cli(&["FLUSHALL"]);
    for writer in &writers {
        super::writers::acknowledge(&store, &batch(*writer, 5, 1)).await;
    }

    assert_eq!(total(&store).await, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_are_spread_over_the_masters() {
    let cluster = RedisCluster::start();
    let store = connect(&cluster.url()).await;
    for _ in 0..60 {
        store.apply(&batch(WriterId::random(), 1, 1)).await.unwrap();
    }

    for master in 0..3 {
        let marks = cluster.master(master).cli(&["KEYS", "*:w:*"]);
        assert!(marks.lines().count() > 3, "master {master} has {marks:?}");
    }
    assert_eq!(total(&store).await, 60);
}
