//! However often a total or a delta is sent, and to whichever server, it counts once.

use std::sync::Arc;

use endpoint_stats_core::store::{Batch, MemoryStore, Retention, StatsStore, WriterId};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_server::ingest::Limits;
use opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint;

use super::{
    CUMULATIVE, DELTA, DURATION, accept, explicit, exponential, exponential_histogram, export, histogram, nanos, one,
    send,
};
use crate::gated_store::GatedStore;
use crate::takers::{NOON, Taker};

#[tokio::test]
async fn a_total_adds_what_came_since_the_last_one() {
    let taker = Taker::new().await;

    accept(&taker, &one(CUMULATIVE, explicit([1, 2, 3, 4]))).await;
    accept(&taker, &one(CUMULATIVE, explicit([1, 2, 3, 5]))).await;
    accept(&taker, &one(CUMULATIVE, explicit([2, 3, 4, 5]))).await;

    let counts = taker.report().await.totals.counts;
    assert_eq!(counts.hits(), 14);
    assert_eq!(counts.duration.buckets().map(|(_, count)| count).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[tokio::test]
async fn a_request_sent_again_adds_nothing_also_after_a_restart() {
    for temporality in [CUMULATIVE, DELTA] {
        let taker = Taker::new().await;
        let request = one(temporality, explicit([1, 2, 3, 4]));

        accept(&taker, &request).await;
        accept(&taker, &request).await;
        accept(&taker.restarted(), &request).await;

        assert_eq!(taker.total().await, 10);
    }
}

#[tokio::test]
async fn deltas_of_another_time_add_up() {
    let taker = Taker::new().await;

    for secs in 0..300 {
        let point = HistogramDataPoint { time_unix_nano: nanos(NOON - secs), ..explicit([1, 0, 0, 0]) };
        accept(&taker, &one(DELTA, point)).await;
    }

    assert_eq!(taker.total().await, 300);
}

#[tokio::test]
async fn a_point_that_starts_anew_counts_whole() {
    let taker = Taker::new().await;
    accept(&taker, &one(CUMULATIVE, explicit([10, 0, 0, 0]))).await;

    let restarted = HistogramDataPoint { start_time_unix_nano: nanos(NOON), ..explicit([12, 0, 0, 0]) };
    accept(&taker, &one(CUMULATIVE, restarted)).await;
    accept(&taker, &one(CUMULATIVE, explicit([3, 0, 0, 0]))).await;

    assert_eq!(taker.total().await, 25);
}

#[tokio::test]
async fn a_total_that_was_overtaken_adds_nothing() {
    let taker = Taker::new().await;
    let at = |secs, count| HistogramDataPoint { time_unix_nano: nanos(NOON + secs), ..explicit([count, 0, 0, 0]) };

    for (secs, count) in [(0, 5), (20, 15), (10, 10), (30, 20)] {
        accept(&taker, &one(CUMULATIVE, at(secs, count))).await;
    }

    assert_eq!(taker.total().await, 20);
}

#[tokio::test]
async fn points_of_several_attributes_go_on_each_by_itself() {
    let taker = Taker::new().await;
    let other = |count| HistogramDataPoint { attributes: Vec::new(), ..explicit([count, 0, 0, 0]) };
    let request =
        |a, b| export("shop", vec![histogram(DURATION, "s", CUMULATIVE, vec![explicit([a, 0, 0, 0]), other(b)])]);

    accept(&taker, &request(5, 7)).await;
    accept(&taker, &request(6, 9)).await;

    assert_eq!(taker.endpoint("shop GET /users/{id}").await.summary.counts.hits(), 6);
    assert_eq!(taker.endpoint("shop _OTHER _UNMATCHED").await.summary.counts.hits(), 9);
}

#[tokio::test]
async fn the_order_of_attributes_does_not_make_another_point() {
    let taker = Taker::new().await;
    let mut turned = explicit([3, 0, 0, 0]);
    turned.attributes.reverse();

    accept(&taker, &one(CUMULATIVE, explicit([2, 0, 0, 0]))).await;
    accept(&taker, &one(CUMULATIVE, turned)).await;

    assert_eq!(taker.total().await, 3);
}

#[tokio::test]
async fn exponential_buckets_that_become_coarser_go_on() {
    let taker = Taker::new().await;
    let request = |point| export("shop", vec![exponential_histogram(CUMULATIVE, vec![point])]);

    accept(&taker, &request(exponential(7, -40, &[1, 1, 1, 1, 1, 1, 1, 1]))).await;
    accept(&taker, &request(exponential(3, -3, &[8, 2]))).await;
    accept(&taker, &request(exponential(0, -1, &[10, 1]))).await;

    let counts = taker.report().await.totals.counts;
    assert_eq!((counts.hits(), counts.duration.count()), (11, 11));
}

#[tokio::test]
async fn several_totals_of_a_point_in_one_request_count_as_the_last() {
    let taker = Taker::new().await;
    let points = vec![explicit([1, 0, 0, 0]), explicit([4, 0, 0, 0])];

    accept(&taker, &export("shop", vec![histogram(DURATION, "s", CUMULATIVE, points)])).await;

    assert_eq!(taker.total().await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_sent_the_same_at_once_count_it_once() {
    for temporality in [CUMULATIVE, DELTA] {
        let taker = Taker::new().await;
        let servers: Vec<_> = (0..8).map(|_| taker.restarted()).collect();

        let sending = servers.into_iter().map(|server| {
            tokio::spawn(async move {
                for count in 1..=10 {
                    let point = HistogramDataPoint { time_unix_nano: nanos(NOON + count), ..explicit([1, 0, 0, 0]) };
                    let total = HistogramDataPoint { count: count.unsigned_abs(), ..point.clone() };
                    let total = HistogramDataPoint { bucket_counts: vec![total.count, 0, 0, 0], ..total };
                    let is_cumulative = temporality == CUMULATIVE;
                    accept(&server, &one(temporality, if is_cumulative { total } else { point })).await;
                }
            })
        });
        for sent in sending.collect::<Vec<_>>() {
            sent.await.unwrap();
        }

        assert_eq!(taker.total().await, 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_sent_parts_of_a_stream_at_once_count_each_of_them() {
    let taker = Taker::new().await;
    let sending = (0..4).map(|part| {
        let server = taker.restarted();
        tokio::spawn(async move {
            for count in 1..=5 {
                let point = explicit([count, 0, 0, 0]);
                let start = nanos(NOON - 1_000 + part);
                accept(&server, &one(CUMULATIVE, HistogramDataPoint { start_time_unix_nano: start, ..point })).await;
            }
        })
    });

    for sent in sending.collect::<Vec<_>>() {
        sent.await.unwrap();
    }

    assert_eq!(taker.total().await, 20);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_of_the_store_does_not_count_twice() {
    let store = Arc::new(GatedStore::new(MemoryStore::default()));
    let taker = Taker::before(store.clone(), Limits::default());

    for temporality in [CUMULATIVE, DELTA] {
        store.lose_replies(2);
        accept(&taker, &one(temporality, explicit([1, 2, 3, 4]))).await;
    }

    assert_eq!(taker.total().await, 20);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_told_with_a_time_to_come_again() {
    let store = Arc::new(GatedStore::new(MemoryStore::default()));
    let taker = Taker::before(store.clone(), Limits::default());
    store.close();

    let answer = send(&taker, &one(CUMULATIVE, explicit([1, 2, 3, 4]))).await;
    store.open();
    accept(&taker, &one(CUMULATIVE, explicit([1, 2, 3, 4]))).await;

    assert_eq!(answer.error().0, 503);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(taker.total().await, 10);
}

#[tokio::test]
async fn a_total_that_does_not_change_is_not_written_again_within_the_hour() {
    let store = Arc::new(GatedStore::new(MemoryStore::default()));
    let taker = Taker::before(store.clone(), Limits::default());
    let request = one(CUMULATIVE, explicit([1, 2, 3, 4]));

    for later in [0, 60, 3_000, 3_700, 3_800] {
        taker.clock.set(Timestamp::from_unix(NOON + later));
        accept(&taker, &request).await;
    }

    assert_eq!(store.calls(), 2);
}

#[tokio::test]
async fn the_total_of_a_source_that_may_have_been_forgotten_is_a_baseline() {
    let taker = Taker::new().await;
    let old = |count| HistogramDataPoint {
        start_time_unix_nano: nanos(NOON - 30 * 86_400),
        time_unix_nano: nanos(NOON) + count,
        ..explicit([count, 0, 0, 0])
    };
    let without_a_start = |count| HistogramDataPoint { start_time_unix_nano: 0, ..old(count) };

    for point in [old(1_000), without_a_start(500)] {
        accept(&taker, &one(CUMULATIVE, point)).await;
    }
    assert_eq!(taker.total().await, 0);
    for point in [old(1_003), without_a_start(504)] {
        accept(&taker, &one(CUMULATIVE, point)).await;
    }

    assert_eq!(taker.total().await, 7);
    assert_eq!(taker.ledger.baseline(), 1_500);
}

#[tokio::test]
async fn a_new_point_of_an_old_source_that_is_known_counts_whole() {
    let taker = Taker::new().await;
    let start = nanos(NOON - 90 * 86_400);
    let old = HistogramDataPoint { start_time_unix_nano: start, ..explicit([1_000, 0, 0, 0]) };
    accept(&taker, &one(CUMULATIVE, old.clone())).await;
    taker.clock.set(Timestamp::from_unix(NOON + 300));

    let attributes = vec![super::text("http.route", "/new")];
    accept(&taker, &one(CUMULATIVE, HistogramDataPoint { attributes, ..old })).await;

    assert_eq!((taker.total().await, taker.ledger.baseline()), (1_000, 1_000));
}

#[tokio::test]
async fn a_source_that_cannot_have_been_forgotten_counts_whole() {
    let taker = Taker::new().await;
    let young = HistogramDataPoint { start_time_unix_nano: nanos(NOON - 28 * 86_400), ..explicit([9, 0, 0, 0]) };

    accept(&taker, &one(CUMULATIVE, young)).await;

    assert_eq!((taker.total().await, taker.ledger.baseline()), (9, 0));
}

#[tokio::test]
async fn a_source_that_was_forgotten_is_not_counted_again() {
    let store = Arc::new(MemoryStore::default());
    let taker = Taker::before(store.clone(), Limits::default());
    let at = |count, secs| HistogramDataPoint { time_unix_nano: nanos(NOON + secs), ..explicit([count, 0, 0, 0]) };
    accept(&taker, &one(CUMULATIVE, at(10, 0))).await;
    crowd(&store).await;
    let later = 31 * 86_400;
    for secs in [0, later] {
        store.roll_up(Timestamp::from_unix(NOON + secs), &Retention::default()).await.unwrap();
    }
    taker.clock.set(Timestamp::from_unix(NOON + later));

    for count in [12, 15] {
        accept(&taker, &one(CUMULATIVE, at(count, later + i64::try_from(count).unwrap()))).await;
    }

    assert_eq!((taker.total().await, taker.ledger.baseline()), (13, 12));
}

/// More writers than a store remembers whatever their time.
async fn crowd(store: &MemoryStore) {
    for _ in 0..10_000 {
        store.apply(&Batch::new(WriterId::random(), 1, Vec::new())).await.unwrap();
    }
}
