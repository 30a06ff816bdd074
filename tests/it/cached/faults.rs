//! A Redis that is dead, silent, full or lying costs speed alone.

use std::time::Duration;

use endpoint_stats_core::clock::Moment;
use endpoint_stats_core::store::StatsStore;

use super::single_flight::CountingStore;
use super::{Cached, NOON, add, ask_until_hit, cached, forgetful_redis, hits, hour, impatient, until};
use crate::support::proxy::{Direction, Proxy};
use crate::support::redis::{RedisCluster, RedisServer};

/// A store with an answer in Redis.
async fn warm(url: &str) -> Cached {
    let inner = CountingStore::new();
    add(&inner, 7).await;
    let store = impatient(&inner, url);
    ask_until_hit(&store, &hour(NOON), 7).await;
    store
}

/// Asks many times while Redis fails, and says how long the slowest took.
async fn ask_in_vain(store: &Cached) -> Duration {
    let before = store.stats();
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let asked_at = Moment::now();
        assert_eq!(hits(store, &hour(NOON)).await, 7);
        slowest = slowest.max(Moment::now().since(asked_at));
    }
    let stats = store.stats();
    assert_eq!((stats.hits, stats.misses), (before.hits, before.misses));
    assert_eq!(stats.errors - before.errors, 3, "the circuit opens after three failures in a row");
    assert_eq!(stats.bypasses - before.bypasses, 97);
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_never_there_fails_no_question() {
    let inner = CountingStore::new();
    let store = impatient(&inner, "redis://127.0.0.1:1/0");
    add(&store, 7).await;

    ask_in_vain(&store).await;

    assert_eq!(store.endpoints().await.unwrap().len(), 1);
    store.health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_fails_no_question_and_is_used_again() {
    let mut redis = forgetful_redis();
    let store = warm(&redis.url()).await;

    redis.kill_9();
    ask_in_vain(&store).await;

    redis.start_again();
    ask_until_hit(&store, &hour(NOON), 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_redis_costs_three_look_ups_of_50_ms() {
    let redis = forgetful_redis();
    let proxy = Proxy::to(redis.addr()).await;
    let store = warm(&format!("redis://{}/0", proxy.addr())).await;

    proxy.black_hole();
    let slowest = ask_in_vain(&store).await;

    // A machine that runs other tests besides may be late.
    assert!((50..1_000).contains(&slowest.as_millis()), "{slowest:?}");
    proxy.pass().await;
    ask_until_hit(&store, &hour(NOON), 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_is_used_again_when_it_thaws() {
    let redis = forgetful_redis();
    let store = warm(&redis.url()).await;

    redis.freeze();
    ask_in_vain(&store).await;

    redis.thaw();
    ask_until_hit(&store, &hour(NOON), 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_answers_late_is_as_good_as_silent() {
    let redis = forgetful_redis();
    let proxy = Proxy::to(redis.addr()).await;
    let store = warm(&format!("redis://{}/0", proxy.addr())).await;

    proxy.delay(Direction::ToClient, Duration::from_millis(500));
    ask_in_vain(&store).await;

    proxy.pass().await;
    ask_until_hit(&store, &hour(NOON), 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_reply_is_none() {
    let redis = forgetful_redis();
    let proxy = Proxy::to(redis.addr()).await;
    let store = warm(&format!("redis://{}/0", proxy.addr())).await;

    for bytes in [1, 5, 9, 20, 60] {
        proxy.cut_after(Direction::ToClient, bytes);
        assert_eq!(hits(&store, &hour(NOON)).await, 7);
        assert_eq!(hits(&store, &hour(NOON)).await, 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_redis_fails_no_question() {
    let other = crate::support::postgres::PostgresServer::start();
    let inner = CountingStore::new();
    add(&inner, 7).await;
    let store = impatient(&inner, &format!("redis://127.0.0.1:{}/0", other.port()));

    ask_in_vain(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_answers_and_takes_nothing_until_there_is_room() {
    let redis = RedisServer::builder().setting("maxmemory", "100kb").setting("maxmemory-policy", "noeviction").start();
    let inner = CountingStore::new();
    add(&inner, 7).await;
    let store = cached(&inner, &redis.url());

    for asked in 1..=100 {
        assert_eq!(hits(&store, &hour(NOON)).await, 7);
        until(&store, |stats| stats.failed + stats.dropped == asked).await;
    }

    let stats = store.stats();
    assert_eq!((stats.hits, stats.misses, stats.errors, stats.kept), (0, 100, 0, 0));
    assert_eq!(stats.failed, 3, "then it is given nothing for a second");
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    ask_until_hit(&store, &hour(NOON), 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_fails_no_question_and_is_in_no_message() {
    let redis = RedisServer::builder().password("right").start();
    let inner = CountingStore::new();
    add(&inner, 7).await;
    let store = impatient(&inner, &redis.url().replace("right", "wrong-one"));

    ask_in_vain(&store).await;

    assert!(!format!("{store:?}").contains("wrong-one"));
    redis.cli(&["CONFIG", "SET", "requirepass", "wrong-one"]);
    // From here on redis-cli has the wrong one.
    ask_until_hit(&store, &hour(NOON), 7).await;
}

#[tokio::test]
async fn whatever_lies_under_a_key_is_replaced() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    add(&inner, 7).await;
    let store = cached(&inner, &redis.url());
    ask_until_hit(&store, &hour(NOON), 7).await;
    let key = redis.cli(&["RANDOMKEY"]);
    let rubbish: [&[&str]; 7] = [
        &["SET", &key, "rubbish"],
        &["SET", &key, ""],
        &["SETRANGE", &key, "0", "\u{2}"],
        &["SETRANGE", &key, "30", "~~~~"],
        &["APPEND", &key, "x"],
        &["LPUSH", &key, "a list"],
        &["HSET", &key, "a", "hash"],
    ];

    for command in rubbish {
        let before = store.stats();
        if command[0].ends_with("PUSH") || command[0] == "HSET" {
            redis.cli(&["DEL", &key]);
        }
        redis.cli(command);
        assert_eq!(hits(&store, &hour(NOON)).await, 7, "{command:?}");
        until(&store, |stats| stats.kept == before.kept + 1).await;
        assert_eq!(hits(&store, &hour(NOON)).await, 7);
        let after = store.stats();
        assert_eq!((after.hits, after.misses), (before.hits + 1, before.misses + 1), "{command:?}");
    }
    assert_eq!(store.stats().errors, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_answers_too() {
    let cluster = RedisCluster::start();

    let store = warm(&cluster.url()).await;

    assert_eq!(store.stats().hits, 1);
}
