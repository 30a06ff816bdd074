//! How old an answer may be, and whose.

use endpoint_stats_core::clock::ManualClock;
use endpoint_stats_core::store::redis::RedisOptions;
use endpoint_stats_core::store::{Retention, StatsQuery, StatsStore, StoreErrorKind};
use endpoint_stats_core::window::TimeRange;
use endpoint_stats_core::{Endpoint, Method, Route, ServiceName};

use super::single_flight::CountingStore;
use super::{CachedStore, NOON, add, add_at, cached, forgetful_redis, hits, hour, until};

#[tokio::test]
async fn a_question_is_answered_by_what_another_process_asked() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    add(&inner, 7).await;
    let (one, other) = (cached(&inner, &redis.url()), cached(&inner, &redis.url()));

    assert_eq!(hits(&one, &hour(NOON)).await, 7);
    until(&one, |stats| stats.kept == 1).await;
    assert_eq!(hits(&other, &hour(NOON)).await, 7);
    one.endpoints().await.unwrap();
    until(&one, |stats| stats.kept == 2).await;
    assert_eq!(other.endpoints().await.unwrap().len(), 1);

    assert_eq!((other.stats().hits, inner.asked()), (2, 2));
}

#[tokio::test]
async fn an_answer_lives_for_half_a_minute_if_its_range_is_closed_and_for_a_second_if_not() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    let store = cached(&inner, &redis.url());
    let ttl = || redis.cli(&["PTTL", &redis.cli(&["RANDOMKEY"])]).parse::<i64>().unwrap();

    hits(&store, &hour(NOON)).await;
    until(&store, |stats| stats.kept == 1).await;
    let closed = ttl();
    redis.cli(&["FLUSHALL"]);
    hits(&store, &StatsQuery::over(TimeRange::ALL)).await;
    until(&store, |stats| stats.kept == 2).await;
    let open = ttl();

    assert!((1_001..=30_000).contains(&closed), "{closed} ms");
    // -2: it has gone already.
    assert!((-2..=1_000).contains(&open), "{open} ms");
}

#[tokio::test]
async fn a_process_reads_its_own_writes_at_once() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    let (one, other) = (cached(&inner, &redis.url()), cached(&inner, &redis.url()));
    assert_eq!(hits(&other, &hour(NOON)).await, 0);
    until(&other, |stats| stats.kept == 1).await;

    for round in 1..=5 {
        add(&one, 1).await;
        assert_eq!(hits(&one, &hour(NOON)).await, round);
        assert_eq!(one.endpoints().await.unwrap()[0].hits, round);
        until(&one, |stats| stats.kept == 2 * round).await;
        assert_eq!(hits(&one, &hour(NOON)).await, round);
    }

    assert_eq!(one.stats().hits, 5, "what it wrote before is no reason to ask again");
    assert_eq!(hits(&other, &hour(NOON)).await, 0, "others see it when the old answer has gone");
    redis.cli(&["FLUSHALL"]);
    assert_eq!(hits(&other, &hour(NOON)).await, 5);
}

#[tokio::test]
async fn a_write_to_another_time_costs_no_answer() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    let store = cached(&inner, &redis.url());
    assert_eq!(hits(&store, &hour(NOON)).await, 0);
    until(&store, |stats| stats.kept == 1).await;

    add_at(&store, NOON.plus_secs(3_600), 7).await;

    assert_eq!(hits(&store, &hour(NOON)).await, 0);
    assert_eq!((store.stats().hits, inner.asked()), (1, 1));
}

#[tokio::test]
async fn a_process_sees_at_once_what_it_registered_and_rolled_up() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    add(&inner, 7).await;
    let store = cached(&inner, &redis.url());
    let before = store.query(&hour(NOON)).await.unwrap();
    store.endpoints().await.unwrap();
    until(&store, |stats| stats.kept == 2).await;

    let unused = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new("/unused").unwrap());
    store.register(&[unused], NOON).await.unwrap();
    store.roll_up(NOON.plus_secs(86_400), &Retention::default()).await.unwrap();

    assert_eq!(store.endpoints().await.unwrap().len(), 2);
    let after = store.query(&hour(NOON)).await.unwrap();
    assert_ne!(before.covered, after.covered);
    assert_eq!(before.totals, after.totals);
}

#[tokio::test]
async fn an_answer_that_redis_forgot_to_forget_is_not_used() {
    let (redis, inner) = (forgetful_redis(), CountingStore::new());
    let at = |now| cached(&inner, &redis.url()).with_clock(ManualClock::at(now));
    let now = NOON.plus_secs(7_200);
    let (one, soon, late) = (at(now), at(now.plus_secs(30)), at(now.plus_secs(36)));
    assert_eq!(hits(&one, &hour(NOON)).await, 0);
    until(&one, |stats| stats.kept == 1).await;
    redis.cli(&["PERSIST", &redis.cli(&["RANDOMKEY"])]);
    add(&inner, 7).await;

    assert_eq!(hits(&soon, &hour(NOON)).await, 0);
    assert_eq!(hits(&late, &hour(NOON)).await, 7);
}

#[tokio::test]
async fn namespaces_do_not_see_each_other() {
    let (redis, inner, another) = (forgetful_redis(), CountingStore::new(), CountingStore::new());
    add(&another, 7).await;
    let options = RedisOptions::from_url(&redis.url()).unwrap();
    let shop = CachedStore::new(inner, options.clone().with_namespace("shop")).unwrap();
    let mail = CachedStore::new(another, options.clone().with_namespace("mail")).unwrap();

    assert_eq!(hits(&shop, &hour(NOON)).await, 0);
    until(&shop, |stats| stats.kept == 1).await;

    assert!(redis.cli(&["RANDOMKEY"]).starts_with("es1:shop:q:"));
    assert_eq!(hits(&mail, &hour(NOON)).await, 7);
    let nameless = CachedStore::new(CountingStore::new(), options.with_namespace("")).unwrap_err();
    assert_eq!(nameless.kind(), StoreErrorKind::Rejected);
}
