//! A Redis with a shorter past than it told: a lost tail, `FLUSHALL`, an older copy.

use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::store::{Applied, Batch, StatsStore, WriterId};
use tokio::task::block_in_place;

use super::writers::acknowledge;
use super::{PATIENCE, PrivateStore, behind_a_proxy, connect, key};
use crate::flush::Writer;
use crate::small_batches::{NOON, batch, delta, total};
use crate::support::redis::RedisServer;

/// How long a connection must be silent before its reply counts as given.
const QUIET: Duration = Duration::from_millis(20);

/// Cuts the power of a server that has not synced so many bytes.
fn lose_tail(server: &mut RedisServer, bytes: u64) {
    server.kill_9();
    server.truncate_aof(bytes);
    server.start_again();
}

/// The number of the last batch of a writer that a server has.
async fn last_seq(server: &RedisServer, writer: WriterId) -> u64 {
    connect(&server.url()).await.writer(writer).await.unwrap().map_or(0, |state| state.last_seq)
}

/// Flushes hundreds of times faster than by default.
fn eager() -> FlushConfig {
    FlushConfig { interval: Duration::from_millis(20), retention: None, ..FlushConfig::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_tail_is_a_gap_to_those_who_kept_nothing() {
    let mut store = PrivateStore::start().await;
    let writer = WriterId::random();
    for seq in 1..=10 {
        store.apply(&batch(writer, seq, seq)).await.unwrap();
    }

    block_in_place(|| lose_tail(&mut store.server, 700));

    let last_seq = last_seq(&store.server, writer).await;
    assert!((1..10).contains(&last_seq), "{last_seq} batches are left");
    let other = connect(&store.server.url()).await;
    assert_eq!(total(&other).await, (1..=last_seq).sum::<u64>(), "no batch is there in part");
    assert_eq!(other.apply(&batch(writer, 11, 11)).await.unwrap(), Applied::Gap { last_seq });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_tail_is_filled_by_the_store_that_wrote_it() {
    let mut store = PrivateStore::start().await;
    let writer = WriterId::random();
    for round in 1..=5 {
        for seq in (round - 1) * 6 + 1..round * 6 {
            store.apply(&batch(writer, seq, seq)).await.unwrap();
        }
        block_in_place(|| lose_tail(&mut store.server, 700));
        assert!(last_seq(&store.server, writer).await < round * 6 - 1);

        acknowledge(&*store, &batch(writer, round * 6, round * 6)).await;
        assert_eq!(total(&*store).await, (1..=round * 6).sum::<u64>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushall_is_filled_up_by_every_store_that_wrote() {
    let store = PrivateStore::start().await;
    let other = connect(&store.server.url()).await;
    let (writer, others) = (WriterId::random(), WriterId::random());
    for seq in 1..=8 {
        store.apply(&batch(writer, seq, 1)).await.unwrap();
        other.apply(&batch(others, seq, 100)).await.unwrap();
    }

    store.server.cli(&["FLUSHALL"]);

    assert_eq!(total(&*store).await, 0);
    acknowledge(&*store, &batch(writer, 9, 1)).await;
    assert_eq!(total(&*store).await, 9);
    acknowledge(&other, &batch(others, 9, 100)).await;
    assert_eq!(total(&*store).await, 909);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_after_it_was_settled_is_filled_up_too() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    for seq in 1..=8 {
        store.apply(&batch(writer, seq, 1)).await.unwrap();
    }
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while store.server.cli(&["LLEN", &super::key("arrivals")]) != "0" {
        looks.tick().await;
    }

    store.server.cli(&["FLUSHDB"]);
    acknowledge(&*store, &batch(writer, 9, 1)).await;

    assert_eq!(total(&*store).await, 9);
    assert_eq!(store.endpoints().await.unwrap()[0].hits, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_past_too_long_to_be_filled_goes_on_under_a_new_name() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    for seq in 1..=100 {
        store.apply(&batch(writer, seq, 1)).await.unwrap();
    }

    store.server.cli(&["FLUSHALL"]);
    let answer = store.apply(&batch(writer, 101, 1)).await.unwrap();

    assert_eq!(answer, Applied::Gap { last_seq: 0 });
    let renamed = Batch::new(WriterId::random(), 1, vec![delta("/users/{id}", NOON, 1)]);
    assert_eq!(store.apply(&renamed).await.unwrap(), Applied::Applied);
    let found = total(&*store).await;
    assert!((2..=101).contains(&found), "{found}");
    // Asked once more, what was kept counts no second time.
    assert_eq!(store.apply(&batch(writer, 101, 1)).await.unwrap(), Applied::Gap { last_seq: 0 });
    assert_eq!(total(&*store).await, found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_filled_up_counts_once_though_its_acknowledgements_get_lost() {
    let server = RedisServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let writer = WriterId::random();
    for seq in 1..=12 {
        if seq % 4 == 0 {
            server.cli(&["FLUSHALL"]);
            // One of those that are sent again, or the batch itself.
            for _ in 0..seq {
                proxy.drop_replies_to(b"/users/{id}", QUIET);
                store.apply(&batch(writer, seq, seq)).await.unwrap_err();
            }
            proxy.pass().await;
        }
        acknowledge(&store, &batch(writer, seq, seq)).await;

        assert_eq!(total(&store).await, (1..=seq).sum::<u64>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_as_a_duplicate_is_kept_too() {
    let server = RedisServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let writer = WriterId::random();
    for seq in 1..=6 {
        if seq % 2 == 0 {
            proxy.drop_replies_to(b"/users/{id}", QUIET);
            store.apply(&batch(writer, seq, seq)).await.unwrap_err();
            proxy.pass().await;
        }
        acknowledge(&store, &batch(writer, seq, seq)).await;
    }

    server.cli(&["FLUSHALL"]);
    acknowledge(&store, &batch(writer, 7, 7)).await;

    assert_eq!(total(&store).await, (1..=7).sum::<u64>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_goes_on_after_a_lost_tail_and_its_books_balance() {
    let mut store = PrivateStore::start().await;
    let writer = Writer::with_config(Arc::new(store.store.clone()), eager());
    let mut hits = 0;
    for round in 1..=4 {
        for _ in 0..5 {
            writer.hit("/users/{id}", round);
            hits += round;
            writer.until_written(hits).await;
        }
        block_in_place(|| lose_tail(&mut store.server, 600));
    }
    writer.hit("/users/{id}", 1);
    let books = writer.stop().await;

    assert_eq!((books.observed, books.stored, books.dropped), (hits + 1, hits + 1, 0));
    assert_eq!(total(&*store).await, hits + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_goes_on_after_flushall_and_its_books_balance() {
    let store = PrivateStore::start().await;
    let writer = Writer::with_config(Arc::new(store.store.clone()), eager());
    let mut hits = 0;
    for _ in 0..60 {
        writer.hit("/users/{id}", 1);
        hits += 1;
        writer.until_written(hits).await;
    }

    block_in_place(|| store.server.cli(&["FLUSHALL"]));
    writer.hit("/users/{id}", 1);
    writer.until_written(61).await;
    let kept = total(&*store).await;
    writer.hit("/users/{id}", 5);
    let books = writer.stop().await;

    assert!(kept > 1, "of what was acknowledged, nothing was kept");
    assert_eq!((books.observed, books.stored, books.dropped), (66, 66, 0));
    assert_eq!(total(&*store).await, kept + 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flusher_waits_for_a_server_that_is_down_and_then_writes_everything() {
    let mut store = PrivateStore::start().await;
    let patient = super::options(&store.server.url()).with_answer_within(PATIENCE);
    let patient = endpoint_stats_core::store::redis::RedisStore::connect(patient).await.unwrap();
    let writer = Writer::with_config(Arc::new(patient), eager());
    writer.hit("/users/{id}", 3);
    writer.until_written(3).await;

    block_in_place(|| store.server.kill_9());
    writer.hit("/users/{id}", 4);
    writer.until_books(|books| books.observed == 7).await;
    block_in_place(|| store.server.start_again());
    let books = writer.stop().await;

    assert_eq!((books.stored, books.dropped), (7, 0));
    assert_eq!(total(&*store).await, 7);
}

#[tokio::test]
async fn what_was_read_before_all_was_lost_changes_nothing_after() {
    let store = PrivateStore::start().await;
    let version = || store.server.cli(&["GET", &key("version")]);
    store.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();
    let before = version();

    store.server.cli(&["FLUSHALL"]);
    store.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();

    assert_ne!(version(), before, "a change follows the version that it was made of");
    assert_ne!(version(), "");
}
