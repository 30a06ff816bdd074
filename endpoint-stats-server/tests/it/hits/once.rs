//! Hits count once, or not at all.

use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::store::{Batch, MemoryStore, Retention, StatsStore, WriterId};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::Limits;

use super::hit;
use crate::gated_store::GatedStore;
use crate::takers::{Answer, NOON, Taker, gzip};

async fn keyed(taker: &Taker, key: &str, body: &str) -> Answer {
    taker.post("/v1/hits", &[("content-type", "application/json"), ("idempotency-key", key)], body.to_owned()).await
}

#[tokio::test]
async fn a_request_sent_again_under_its_key_counts_once() {
    let taker = Taker::new().await;

    let first = keyed(&taker, "a", &hit("")).await;
    taker.clock.set(Timestamp::from_unix(NOON + 100));
    let again = keyed(&taker, "a", &hit("")).await;
    let after_a_restart = keyed(&taker.restarted(), "a", &hit("")).await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "a"), ("content-encoding", "gzip")];
    let compressed = taker.post("/v1/hits", &headers, gzip(hit("").as_bytes())).await;

    assert_eq!(first.json()["result"], "applied");
    for answer in [again, after_a_restart, compressed] {
        assert_eq!((answer.status, answer.json()["result"].as_str()), (200, Some("duplicate")));
    }
    assert_eq!(taker.total().await, 1);
}

#[tokio::test]
async fn an_empty_request_uses_its_key() {
    let taker = Taker::new().await;

    assert_eq!(keyed(&taker, "a", "[]").await.json()["result"], "applied");
    assert_eq!(keyed(&taker, "a", "[]").await.json()["result"], "duplicate");
    assert_eq!(keyed(&taker, "a", &hit("")).await.status, 409);
}

#[tokio::test]
async fn other_hits_under_a_used_key_are_a_conflict() {
    let taker = Taker::new().await;
    keyed(&taker, "a", &hit("")).await;

    let other = keyed(&taker, "a", &hit(r#""count":2"#)).await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "a")];
    let other_service = taker.post("/v1/hits?service=cart", &headers, hit("")).await;

    for answer in [other, other_service] {
        assert_eq!(answer.error(), (409, "idempotency_conflict".to_owned(), "idempotency-key".to_owned()));
    }
    assert_eq!(taker.total().await, 1);
}

#[tokio::test]
async fn a_key_is_of_one_principal() {
    let taker = Taker::new().await;
    keyed(&taker, "a", &hit("")).await;

    let other = taker.as_principal(Principal::new("sender", [Scope::Ingest]));
    let answer = keyed(&other, "a", &hit(r#""count":2"#)).await;

    assert_eq!(answer.json()["result"], "applied");
    assert_eq!(taker.total().await, 3);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused() {
    let taker = Taker::new().await;
    let json = ("content-type", "application/json");

    for key in ["", "a b", "ä", &"x".repeat(129)] {
        let answer = taker.post("/v1/hits", &[json, ("idempotency-key", key)], hit("")).await;
        assert_eq!(answer.error(), (400, "bad_idempotency_key".to_owned(), "idempotency-key".to_owned()), "{key}");
    }
    let two = taker.post("/v1/hits", &[json, ("idempotency-key", "a"), ("idempotency-key", "b")], hit("")).await;
    assert_eq!(two.status, 400);
    assert_eq!(keyed(&taker, &"x".repeat(128), &hit("")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_of_the_store_does_not_count_twice() {
    let store = Arc::new(GatedStore::new(MemoryStore::default()));
    let taker = Taker::before(store.clone(), Limits::default());

    store.lose_replies(2);
    let without_a_key = taker.hits(hit("")).await;
    store.lose_replies(2);
    let with_a_key = keyed(&taker, "a", &hit("")).await;

    assert_eq!(without_a_key.json()["result"], "applied");
    assert_eq!(with_a_key.json()["result"], "applied");
    assert_eq!(taker.total().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_told_and_the_next_hits_count() {
    let store = Arc::new(GatedStore::new(MemoryStore::default()));
    let taker = Taker::before(store.clone(), Limits::default());

    store.lose_replies(u64::MAX);
    let without_a_key = taker.hits(hit("")).await;
    let with_a_key = keyed(&taker, "a", &hit("")).await;
    store.lose_replies(0);

    for answer in [&without_a_key, &with_a_key] {
        assert_eq!(answer.error(), (503, "store_unavailable".to_owned(), String::new()));
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert!(without_a_key.json()["error"]["hint"].as_str().unwrap().contains("may have been counted"));
    assert_eq!(keyed(&taker, "a", &hit("")).await.json()["result"], "duplicate");
    assert_eq!(taker.hits(hit("")).await.status, 200);
    assert_eq!(taker.total().await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_did_not_take_a_batch_takes_the_next() {
    let store = Arc::new(GatedStore::new(MemoryStore::default()));
    let taker = Taker::before(store.clone(), Limits::default());
    taker.hits(hit("")).await;

    store.close();
    let refused = taker.hits(hit("")).await;
    store.open();
    let next = taker.hits(hit("")).await;

    assert_eq!((refused.status, next.status), (503, 200));
    assert_eq!(taker.total().await, 2);
}

#[tokio::test]
async fn concurrent_requests_share_a_batch() {
    let store = Arc::new(GatedStore::new(MemoryStore::default()));
    let taker = Taker::before(store.clone(), Limits::default());
    store.close();
    let first = tokio::spawn(send(taker.clone()));
    store.wait_for_calls(1).await;

    let others: Vec<_> = (0..50).map(|_| tokio::spawn(send(taker.clone()))).collect();
    // On one thread, every other request gets as far as it can in the meantime.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    store.open();

    assert_eq!(first.await.unwrap(), 200);
    for other in others {
        assert_eq!(other.await.unwrap(), 200);
    }
    assert_eq!(store.calls(), 2);
    assert_eq!(taker.total().await, 51);
}

#[tokio::test]
async fn a_client_that_goes_away_cannot_stop_a_batch() {
    for key in [None, Some("a")] {
        let store = Arc::new(GatedStore::new(MemoryStore::default()));
        let taker = Taker::before(store.clone(), Limits::default());
        store.close();
        let sending = tokio::spawn({
            let taker = taker.clone();
            async move {
                match key {
                    Some(key) => keyed(&taker, key, &hit("")).await.status,
                    None => taker.hits(hit("")).await.status,
                }
            }
        });
        store.wait_for_calls(1).await;

        sending.abort();
        assert!(sending.await.unwrap_err().is_cancelled());
        store.open();

        while taker.total().await == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(taker.total().await, 1);
    }
}

async fn send(taker: Taker) -> u16 {
    taker.hits(hit("")).await.status
}

#[tokio::test]
async fn a_key_is_remembered_for_its_time_and_then_forgotten() {
    let store = Arc::new(MemoryStore::default());
    let keys_remembered = Duration::from_hours(2);
    let taker = Taker::before(store.clone(), Limits { keys_remembered, ..Limits::default() });
    keyed(&taker, "a", &hit("")).await;
    for _ in 0..10_000 {
        store.apply(&Batch::new(WriterId::random(), 1, Vec::new())).await.unwrap();
    }

    for (secs, expected) in [(0, "duplicate"), (7_200, "duplicate"), (7_201, "applied")] {
        store.roll_up(Timestamp::from_unix(NOON + secs), &Retention::default()).await.unwrap();

        assert_eq!(keyed(&taker, "a", &hit("")).await.json()["result"], expected, "after {secs} s");
    }
}

#[tokio::test]
async fn a_store_that_panics_fails_no_later_request() {
    let store = Arc::new(GatedStore::new(MemoryStore::default()));
    let taker = Taker::before(store.clone(), Limits::default());

    store.panic_once();
    let failed = taker.hits(hit("")).await;
    let later = taker.hits(hit(r#""count":7"#)).await;

    assert_eq!(failed.error().0, 500);
    assert_eq!(later.status, 200);
    assert_eq!(taker.total().await, 8);
}
