//! The answers are the same with and without Redis, whatever is written and asked, and whatever happens to the values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use endpoint_stats_core::store::conformance::answers_like_memory;
use endpoint_stats_core::store::redis::RedisOptions;
use endpoint_stats_core::store::{Batch, CachedStore, EndpointFilter, MemoryStore, Retention, StatsQuery, StatsStore};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use super::{forgetful_redis, until};
use crate::random_batches::scenario;
use crate::support::redis::RedisServer;

/// What a test does with a store.
#[derive(Clone, Debug)]
enum Step {
    Write(Batch),
    RollUp(Timestamp),
    /// Of the store, then of Redis, and what lies there may have been damaged meanwhile.
    Ask(StatsQuery, Option<Damage>),
    AskForEndpoints(Option<Damage>),
}

/// Each value loses its end, or a byte of it is another one.
#[derive(Clone, Copy, Debug)]
struct Damage {
    at: u16,
    is_cut: bool,
}

fn some_damage() -> impl Strategy<Value = Option<Damage>> {
    proptest::option::of((any::<u16>(), any::<bool>()).prop_map(|(at, is_cut)| Damage { at, is_cut }))
}

fn question(batches: &[Batch]) -> impl Strategy<Value = Step> + use<> {
    let starts: Vec<_> = batches.iter().flat_map(|batch| &batch.deltas).map(|delta| delta.window.start()).collect();
    let start = if starts.is_empty() { Just(Timestamp::EPOCH).boxed() } else { prop::sample::select(starts).boxed() };
    let range = prop_oneof![
        Just(TimeRange::ALL),
        (start, -90_000..10_i64, 1..90_000_i64)
            .prop_map(|(start, from, lasting)| TimeRange::new(start.plus_secs(from), start.plus_secs(from + lasting))),
    ];
    let step = proptest::option::of(prop::sample::select(vec![10, 3_600, 86_400]));
    let endpoint = proptest::option::of(any::<prop::sample::Index>());
    (range, step, endpoint, some_damage()).prop_map({
        let deltas: Vec<_> = batches.iter().flat_map(|batch| batch.deltas.clone()).collect();
        move |(range, step_secs, endpoint, damage)| {
            let endpoint = endpoint.filter(|_| !deltas.is_empty()).map(|index| index.get(&deltas).endpoint.clone());
            let filter = EndpointFilter { route: endpoint.map(|of| of.route().clone()), ..EndpointFilter::default() };
            Step::Ask(StatsQuery { range, filter, step_secs }, damage)
        }
    })
}

/// What is written, with questions and accidents in between.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    scenario().prop_flat_map(|(batches, roll_ups)| {
        let other = prop_oneof![5 => question(&batches), 1 => some_damage().prop_map(Step::AskForEndpoints)];
        let writes = batches.into_iter().map(Step::Write).chain(roll_ups.into_iter().map(Step::RollUp));
        let writes = Just(writes.collect::<Vec<_>>()).prop_shuffle();
        (writes, vec(vec(other, 0..6), 18)).prop_map(|(writes, others)| {
            writes.into_iter().zip(others).flat_map(|(write, others)| [write].into_iter().chain(others)).collect()
        })
    })
}

async fn take(step: &Step, store: &CachedStore<Arc<MemoryStore>>, memory: &MemoryStore, redis: &RedisServer) {
    match step {
        Step::Write(batch) => drop(store.apply(batch).await),
        Step::RollUp(now) => drop(store.roll_up(*now, &Retention::default()).await.unwrap()),
        Step::Ask(query, damaged) => {
            assert_eq!(store.query(query).await.unwrap(), memory.query(query).await.unwrap(), "{query:?}");
            until(store, |stats| stats.kept + stats.dropped + stats.failed == stats.misses).await;
            damage(redis, *damaged);
            assert_eq!(store.query(query).await.unwrap(), memory.query(query).await.unwrap(), "{query:?}");
        }
        Step::AskForEndpoints(damaged) => {
            assert_eq!(store.endpoints().await.unwrap(), memory.endpoints().await.unwrap());
            until(store, |stats| stats.kept + stats.dropped + stats.failed == stats.misses).await;
            damage(redis, *damaged);
            assert_eq!(store.endpoints().await.unwrap(), memory.endpoints().await.unwrap());
        }
    }
}

fn damage(redis: &RedisServer, damage: Option<Damage>) {
    const SCRIPT: &str = "
        for _, key in ipairs(redis.call('KEYS', '*')) do
            local value = redis.call('GET', key) or ''
            local at = ARGV[1] % (#value + 1)
            if ARGV[2] == '1' then
                redis.call('SET', key, string.sub(value, 1, at))
            elseif at < #value then
                local byte = (string.byte(value, at + 1) + 1) % 256
                redis.call('SETRANGE', key, at, string.char(byte))
            end
        end";
    if let Some(Damage { at, is_cut }) = damage {
        redis.cli(&["EVAL", SCRIPT, "0", &at.to_string(), if is_cut { "1" } else { "0" }]);
    }
}

fn run<T: std::fmt::Debug>(cases: u32, strategy: impl Strategy<Value = T>, check: impl Fn(&Runtime, T, String)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let case = AtomicU64::new(0);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let tested = TestRunner::new(config).run(&strategy, |value| {
        check(&runtime, value, format!("case-{}", case.fetch_add(1, Ordering::Relaxed)));
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn the_answers_are_those_of_the_store_whatever_is_written_asked_and_damaged() {
    let redis = forgetful_redis();
    let sums = AtomicU64::new(0);

    run(48, steps(), |runtime, steps, namespace| {
        runtime.block_on(async {
            let memory = Arc::new(MemoryStore::default());
            let options = RedisOptions::from_url(&redis.url()).unwrap().with_namespace(&namespace);
            let store = CachedStore::new(Arc::clone(&memory), options).unwrap();
            for step in &steps {
                take(step, &store, &memory, &redis).await;
            }
            sums.fetch_add(store.stats().hits, Ordering::Relaxed);
        });
    });

    assert!(sums.load(Ordering::Relaxed) > 100, "Redis answered {sums:?} questions");
}

#[test]
fn random_batches_are_answered_as_memory_answers_them() {
    let redis = forgetful_redis();

    run(16, scenario(), |runtime, (batches, roll_ups), namespace| {
        let options = RedisOptions::from_url(&redis.url()).unwrap().with_namespace(&namespace);
        let store = CachedStore::new(MemoryStore::default(), options).unwrap();
        runtime.block_on(answers_like_memory(&store, &batches, &roll_ups));
    });
}
