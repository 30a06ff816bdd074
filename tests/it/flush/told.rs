//! What a flusher says of its store and its roll-ups.

use std::time::Duration;

use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::store::Retention;

use super::writer::{NOON, Writer, no_roll_up};
use super::{Fault, FaultyStore};
use crate::exposed::{collect, until, value};

const SOON: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_told_to_be_down_until_it_answers() {
    collect();
    let store = FaultyStore::new(|_| Fault::None).await;
    let writer = Writer::with_config(store.clone(), FlushConfig { interval: SOON, ..no_roll_up() });
    let up = r#"endpoint_stats_store_up{service="shop"}"#;
    until(up, |value| value == 1).await;

    store.set_faults(|_| Fault::FailBefore);
    writer.hit("/a", 3);
    until(up, |value| value == 0).await;
    assert!(value(r#"endpoint_stats_flushes_total{service="shop",result="failed"}"#) >= Some(1));
    assert_eq!(value(r#"endpoint_stats_hits_pending{service="shop"}"#), Some(3));

    store.set_faults(|_| Fault::None);
    until(up, |value| value == 1).await;
    until(r#"endpoint_stats_hits_stored_total{service="shop"}"#, |stored| stored == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_says_nothing_against_the_store() {
    collect();
    let store = FaultyStore::new(|_| Fault::Reject).await;
    let writer = Writer::with_config(store.clone(), FlushConfig { interval: SOON, ..no_roll_up() });

    writer.hit("/a", 3);

    until(r#"endpoint_stats_hits_dropped_total{service="shop",reason="rejected"}"#, |dropped| dropped == 3).await;
    assert_eq!(value(r#"endpoint_stats_store_up{service="shop"}"#), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_up_that_fails_is_no_success() {
    collect();
    let store = FaultyStore::new(|_| Fault::None).await;
    store.fail_roll_ups(true);
    let config = FlushConfig { retention: Some(Retention::default()), roll_up: SOON, ..FlushConfig::default() };
    let _writer = Writer::with_config(store.clone(), config);
    let last_success = r#"endpoint_stats_roll_up_last_success_timestamp_seconds{service="shop"}"#;

    until(r#"endpoint_stats_roll_ups_total{service="shop",result="failed"}"#, |failed| failed >= 2).await;
    assert_eq!(value(last_success), Some(0));

    store.fail_roll_ups(false);
    until(last_success, |at| at == NOON.as_unix().cast_unsigned()).await;
    assert!(value(r#"endpoint_stats_roll_ups_total{service="shop",result="ended"}"#) >= Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_told_as_soon_as_they_are_drained_whether_they_are_stored_or_not() {
    collect();
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let writer = Writer::with_config(store.clone(), FlushConfig { interval: SOON, ..no_roll_up() });

    writer.hit("/a", 3);
    writer.until_books(|books| books.pending == 3).await;

    let text = writer.flusher.totals().to_prometheus();
    assert!(text.contains(r#"endpoint_stats_hits_total{service="shop",method="GET",route="/a",outcome="200"} 3"#));
    assert!(text.contains(r#"endpoint_stats_latency_seconds_count{service="shop",method="GET",route="/a"} 3"#));
    assert_eq!(value(r#"endpoint_stats_endpoints{service="shop"}"#), Some(1));
    assert_eq!(value(r#"endpoint_stats_endpoints_limit{service="shop"}"#), Some(2_000));
}
