//! What a store will not take: bad data goes alone, a store that lost track of the writer gets a new one.

use std::time::Duration;

use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::store::Batch;
use tokio::time::Instant;

use super::faulty_store::{Fault, FaultyStore, sqlite3, times};
use super::writer::{Writer, no_roll_up};

fn poisoned(batch: &Batch) -> Fault {
    let is_poisoned = |route: &str| route == "/3" || route == "/17";
    let found = batch.deltas.iter().any(|delta| is_poisoned(delta.endpoint.route().as_str()));
    if found { Fault::Reject } else { Fault::None }
}

#[tokio::test(start_paused = true)]
async fn poisoned_deltas_are_dropped_alone_and_counted() {
    let store = FaultyStore::new(poisoned).await;
    let config = FlushConfig { max_batch: 16, ..no_roll_up() };
    let writer = Writer::with_config(store.clone(), config);

    for round in 1..=3 {
        for endpoint in 0..40 {
            writer.hit(&format!("/{endpoint}"), 2);
        }
        writer.until_written(round * 80).await;
    }
    let books = writer.stop().await;

    assert_eq!((books.stored, books.dropped, books.pending), (3 * 76, 3 * 4, 0));
    assert_eq!(store.hits().await, 3 * 76);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_forgot_the_writer_gets_its_batch_from_a_new_one() {
    let store = FaultyStore::new(|_| Fault::None).await;
    let writer = Writer::start(store.clone());

    for round in 1..=10 {
        store.set_faults(times(u32::from(round % 3 == 0), Fault::Forget));
        writer.hit("/users/{id}", 7);
        writer.until_written(round * 7).await;
    }
    let books = writer.stop().await;

    assert_eq!((books.stored, store.hits().await), (70, 70));
    assert_eq!(sqlite3(store.path(), "SELECT count(*) FROM writer"), "1", "only the last name is left");
}

#[tokio::test(start_paused = true)]
async fn a_number_taken_by_another_batch_makes_the_writer_change_its_name() {
    let store = FaultyStore::new(times(1, Fault::Impostor)).await;
    let writer = Writer::start(store.clone());

    writer.hit("/users/{id}", 7);
    writer.until_written(7).await;
    writer.hit("/users/{id}", 7);
    let books = writer.stop().await;

    assert_eq!((books.stored, books.dropped), (14, 0));
    assert_eq!(store.hits().await, 14);
    assert_eq!(sqlite3(store.path(), "SELECT count(*) FROM writer"), "2");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_knows_the_writer_is_not_hammered() {
    let store = FaultyStore::new(|_| Fault::Conflict).await;
    let writer = Writer::start(store.clone());
    let begun = Instant::now();

    writer.hit("/users/{id}", 1);
    store.until(|seen| seen.tries >= 20).await;

    assert!(begun.elapsed() > Duration::from_secs(50), "20 tries in {:?}", begun.elapsed());
    store.set_faults(|_| Fault::None);
    assert_eq!(writer.stop().await.stored, 1);
    assert_eq!(store.hits().await, 1);
}
