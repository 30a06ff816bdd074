//! What is too large stays where it is.

use crate::support::proxy::{Direction, Proxy};

use super::single_flight::CountingStore;
use super::{NOON, add, cached, forgetful_redis, hits, hour, until};

#[tokio::test]
async fn a_large_answer_is_not_kept() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    let store = cached(&inner, &redis.url()).with_max_value_bytes(60);
    add(&store, 7).await;

    for asked in 1..=3 {
        assert_eq!(hits(&store, &hour(NOON)).await, 7);
        until(&store, |stats| stats.too_large == asked).await;
    }

    assert_eq!((inner.asked(), store.stats().misses), (3, 3));
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn an_answer_of_the_largest_size_is_kept() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    add(&inner, 7).await;
    let store = cached(&inner, &redis.url());
    hits(&store, &hour(NOON)).await;
    until(&store, |stats| stats.kept == 1).await;
    let len: usize = redis.cli(&["STRLEN", &redis.cli(&["RANDOMKEY"])]).parse().unwrap();

    for (max, is_kept) in [(len, true), (len - 1, false)] {
        redis.cli(&["FLUSHALL"]);
        let store = cached(&inner, &redis.url()).with_max_value_bytes(max);
        hits(&store, &hour(NOON)).await;
        until(&store, |stats| stats.kept + stats.too_large == 1).await;
        assert_eq!(store.stats().kept == 1, is_kept, "{max} of {len} bytes");
        assert_eq!(hits(&store, &hour(NOON)).await, 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_value_of_any_size_costs_no_more_than_an_answer() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    let proxy = Proxy::to(redis.addr()).await;
    let store = cached(&inner, &format!("redis://{}/0", proxy.addr()));
    hits(&store, &hour(NOON)).await;
    until(&store, |stats| stats.kept == 1).await;
    redis.cli(&["SETRANGE", &redis.cli(&["RANDOMKEY"]), "50000000", "x"]);

    assert_eq!(hits(&store, &hour(NOON)).await, 0);

    let stats = store.stats();
    assert_eq!((stats.hits, stats.misses + stats.errors), (0, 2));
    assert!(proxy.passed(Direction::ToClient) < 1_010_000);
}
