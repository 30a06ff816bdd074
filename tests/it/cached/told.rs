//! What a cache says of itself.

use endpoint_stats_core::store::StatsStore;

use super::{CountingStore, NOON, add, ask_until_hit, forgetful_redis, hour, impatient};
use crate::exposed::{collect, until, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_left_alone_is_told_to_be_down_until_it_answers() {
    collect();
    let mut redis = forgetful_redis();
    let inner = CountingStore::new();
    add(&inner, 7).await;
    let store = impatient(&inner, &redis.url());
    ask_until_hit(&store, &hour(NOON), 7).await;
    assert_eq!(value("endpoint_stats_cache_up"), Some(1));
    until(r#"endpoint_stats_pool_connections{pool="cache",state="idle"}"#, |idle| idle >= 1).await;

    redis.kill_9();
    for _ in 0..10 {
        store.query(&hour(NOON)).await.unwrap();
    }
    assert_eq!(value("endpoint_stats_cache_up"), Some(0));
    assert!(value(r#"endpoint_stats_cache_questions_total{result="bypass"}"#) >= Some(1));

    redis.start_again();
    ask_until_hit(&store, &hour(NOON), 7).await;
    assert_eq!(value("endpoint_stats_cache_up"), Some(1));
}
