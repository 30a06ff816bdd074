//! A store that is away: recording goes on, memory is bounded, and afterwards every hit is there.

use std::thread;
use std::time::Duration;

use endpoint_stats_core::flush::FlushConfig;
use tokio::time::advance;

use super::faulty_store::{Fault, FaultyStore, sqlite3};
use super::writer::{NOON, Writer, no_roll_up};

#[tokio::test(start_paused = true)]
async fn memory_grows_with_endpoints_and_not_with_hits() {
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let config = FlushConfig { max_pending: 300, ..no_roll_up() };
    let writer = Writer::with_config(store.clone(), config);

    // Two days of outage, 50 endpoints, a drain every ten minutes.
    let mut sent = 0;
    for round in 0..288 {
        writer.clock.set(NOON.plus_secs(round * 600));
        for endpoint in 0..50 {
            writer.hit(&format!("/{endpoint}"), 10);
        }
        sent += 500;
        writer.until_books(|books| books.observed == sent).await;
    }
    let books = writer.flusher.books();
    assert_eq!((books.stored, books.pending), (0, 144_000));
    assert!(store.seen().tries < 20_000, "the store is not hammered");

    store.set_faults(|_| Fault::None);
    let books = writer.stop().await;

    assert_eq!((books.stored, store.hits().await), (sent, sent));
    let kept = store.seen().deltas;
    assert!(kept <= 50 + 300, "{kept} deltas were kept for 14,400 of endpoint and window");
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_larger_than_the_bound_keeps_its_windows() {
    let store = FaultyStore::new(|_| Fault::None).await;
    let config = FlushConfig { max_pending: 10, ..no_roll_up() };
    let writer = Writer::with_config(store.clone(), config);

    (0..30).for_each(|endpoint| writer.hit(&format!("/{endpoint}"), 1));
    assert_eq!(writer.stop().await.stored, 30);

    assert_eq!(sqlite3(store.path(), "SELECT DISTINCT width_secs FROM endpoint_window"), "10");
}

#[tokio::test(start_paused = true)]
async fn tries_become_rare_while_the_store_is_away_and_never_end() {
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let writer = Writer::start(store.clone());
    writer.hit("/users/{id}", 1);

    store.until(|seen| seen.tries >= 12).await;
    let before = store.seen().tries;
    for _ in 0..600 {
        advance(Duration::from_secs(1)).await;
    }
    let in_ten_minutes = store.seen().tries - before;

    assert!((75..=151).contains(&in_ten_minutes), "{in_ten_minutes} tries, one every 4 to 8 seconds");
    store.set_faults(|_| Fault::None);
    writer.until_written(1).await;
    assert_eq!(store.hits().await, 1);
}

#[tokio::test(start_paused = true)]
async fn recording_does_not_wait_for_a_store_that_hangs() {
    let store = FaultyStore::new(|_| Fault::Wait).await;
    let writer = Writer::start(store.clone());
    writer.hit("/users/{id}", 1);
    store.until(|seen| seen.tries == 1).await;

    // Were recording to wait for the store, these threads would never end: only this thread can release it.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| writer.hit("/users/{id}", 50_000));
        }
    });
    let books = writer.until_books(|books| books.observed == 100_001).await;
    assert_eq!((books.stored, books.pending), (0, 100_001));
    assert_eq!(store.seen().tries, 1, "one batch is under way at a time");

    store.release();
    let books = writer.stop().await;

    assert_eq!((books.stored, store.hits().await), (100_001, 100_001));
}
