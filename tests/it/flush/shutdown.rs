//! The last flush: everything, or a number for what it could not write.

use std::sync::{Arc, Weak};
use std::time::Duration;

use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::store::StatsStore;

use super::faulty_store::{Fault, FaultyStore, times};
use super::writer::{Writer, no_roll_up};
use crate::recording::soon;

#[tokio::test(start_paused = true)]
async fn a_shutdown_writes_what_was_counted_up_to_it() {
    let store = FaultyStore::new(|_| Fault::None).await;
    let config = FlushConfig { max_batch: 7, ..no_roll_up() };
    let writer = Writer::with_config(store.clone(), config);
    for endpoint in 0..100 {
        writer.hit(&format!("/{endpoint}"), 3);
    }

    let books = writer.stop().await;

    assert_eq!((books.observed, books.stored, books.pending), (300, 300, 0));
    assert_eq!(store.hits().await, 300);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_goes_on_trying_within_its_deadline() {
    let store = FaultyStore::new(times(4, Fault::LoseReply)).await;
    let writer = Writer::start(store.clone());
    writer.hit("/users/{id}", 3);

    let report = soon(writer.flusher.shutdown(Duration::from_secs(10))).await;

    assert_eq!((report.books.stored, store.hits().await), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_before_a_store_that_fails_says_what_it_could_not_write() {
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let writer = Writer::start(store.clone());
    writer.hit("/users/{id}", 3);
    let begun = tokio::time::Instant::now();

    let report = soon(writer.flusher.shutdown(Duration::from_secs(5))).await;

    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!((report.books.observed, report.books.stored, report.books.pending), (3, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_before_a_store_that_hangs_ends_at_its_deadline_and_says_so() {
    let store = FaultyStore::new(|_| Fault::Wait).await;
    let writer = Writer::start(store.clone());
    writer.hit("/users/{id}", 3);
    store.until(|seen| seen.tries == 1).await;
    writer.hit("/users/{id}", 4);
    let begun = tokio::time::Instant::now();

    let report = soon(writer.flusher.shutdown(Duration::from_secs(5))).await;

    assert_eq!(begun.elapsed().as_secs(), 5);
    assert!(report.books.balance());
    assert_eq!((report.books.observed, report.books.pending), (7, 7));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_hits_ends_at_once() {
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let writer = Writer::start(store);

    let books = writer.stop().await;

    assert_eq!(books, endpoint_stats_core::flush::Books::default());
}

#[tokio::test(start_paused = true)]
async fn a_flusher_that_is_dropped_lets_go_of_its_store() {
    let store: Arc<dyn StatsStore> = FaultyStore::new(|_| Fault::None).await;
    let left: Weak<dyn StatsStore> = Arc::downgrade(&store);
    let writer = Writer::with_config(store, FlushConfig::default());
    writer.hit("/users/{id}", 3);
    writer.until_written(3).await;

    drop(writer);
    for _ in 0..600 {
        tokio::time::advance(Duration::from_secs(1)).await;
    }

    assert_eq!(left.strong_count(), 0, "nothing of it goes on in the background");
}
