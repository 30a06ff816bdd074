//! Replies that get lost: nothing is counted twice, nothing is left out.

use super::faulty_store::{Fault, FaultyStore};
use super::writer::Writer;
use crate::random::Random;

#[tokio::test(start_paused = true)]
async fn two_hundred_lost_acknowledgements_double_nothing_and_lose_nothing() {
    let mut last = None;
    let store = FaultyStore::new(move |batch| {
        let again = last.replace((batch.writer, batch.seq)) == last;
        if again { Fault::None } else { Fault::LoseReply }
    })
    .await;
    let writer = Writer::start(store.clone());

    for round in 1..=200 {
        writer.hit("/users/{id}", round);
        writer.until_written((1..=round).sum()).await;
    }
    let books = writer.stop().await;

    assert_eq!(store.seen().lost_replies, 200, "each batch was acknowledged into the void once");
    assert_eq!(store.seen().duplicates, 200);
    assert_eq!((books.observed, books.stored, books.dropped), (20_100, 20_100, 0));
    assert_eq!(store.hits().await, 20_100);
}

#[tokio::test(start_paused = true)]
async fn faults_of_every_kind_in_any_order_change_no_sum() {
    for seed in 1..=5 {
        let mut random = Random::of_seed(seed);
        let store = FaultyStore::new(move |_| match random.below(6) {
            0 => Fault::LoseReply,
            1 => Fault::FailBefore,
            2 => Fault::Panic,
            _ => Fault::None,
        })
        .await;
        let writer = Writer::start(store.clone());
        let mut random = Random::of_seed(seed + 100);

        let mut sent = 0;
        for _ in 0..40 {
            let hits = random.below(50) + 1;
            writer.hit(&format!("/{}", random.below(3)), hits);
            sent += hits;
            writer.until_books(|books| books.observed == sent && books.stored > 0).await;
            assert!(writer.flusher.books().stored <= store.hits().await, "stored means stored");
        }
        store.set_faults(|_| Fault::None);
        let books = writer.stop().await;

        assert!(store.seen().lost_replies > 0, "seed {seed}");
        assert_eq!((books.stored, store.hits().await), (sent, sent), "seed {seed}");
    }
}
