//! What the flusher costs once a second: draining the counters, and writing what was drained.
//!
//! - `drain`: 2,000 endpoints, each hit three times since the last drain, while another thread goes on recording. Hit by
//!   one thread, by two threads with counters of their own, and by one thread with three callers an endpoint. The time is
//!   that of the drain alone, in the thread that drains.
//! - `apply`: a batch of 1,000 deltas into SQLite, in a file in the folder for temporary files, and into memory; "new
//!   windows" adds 1,000 rows, "the same windows" merges into 1,000 rows that are there. The time is that of
//!   `StatsStore::apply`, to the point where SQLite has synced the file.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use endpoint_stats_core::aggregate::{Aggregator, Delta, Limits};
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::store::{Applied, Batch, MemoryStore, SqliteStore, StatsStore, WriterId};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Hit, Method, Outcome, ServiceName};
use tokio::runtime::Runtime;

const START: Timestamp = Timestamp::from_unix(1_700_000_000);

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .sample_size(50)
        .configure_from_args();
    drain(&mut criterion);
    apply(&mut criterion);
    criterion.final_summary();
}

fn drain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("drain 2,000 endpoints");
    let routes = routes(2_000);
    drain_after(&mut group, "hit by one thread", |aggregator| {
        hit_each(aggregator, &routes, false);
    });
    drain_after(&mut group, "hit by two threads", |aggregator| {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| hit_each(aggregator, &routes, false));
            }
        });
    });
    drain_after(&mut group, "with callers", |aggregator| {
        hit_each(aggregator, &routes, true);
    });
}

fn drain_after(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, hit_all: impl Fn(&Aggregator)) {
    let aggregator = aggregator();
    hit_all(&aggregator);
    aggregator.drain(START);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|drains| {
            let mut time = Duration::ZERO;
            for _ in 0..drains {
                hit_all(&aggregator);
                let stop = AtomicBool::new(false);
                thread::scope(|scope| {
                    let recording = scope.spawn(|| record_until(&aggregator, &stop));
                    while aggregator.begun_at("/busy") == 0 {
                        std::hint::spin_loop();
                    }
                    let started = now();
                    let deltas = black_box(aggregator.drain(START));
                    time += started.elapsed();
                    assert!(deltas.len() >= 2_000, "{} endpoints drained", deltas.len());
                    stop.store(true, Ordering::Relaxed);
                    recording.join().expect("recording never fails");
                });
            }
            time
        });
    });
}

fn apply(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("stats.db");
    let sqlite = runtime.block_on(SqliteStore::open(file)).expect("a new file");
    apply_to(criterion, "SQLite", &runtime, &sqlite);
    apply_to(criterion, "memory", &runtime, &MemoryStore::default());
}

fn apply_to(criterion: &mut Criterion, name: &str, runtime: &Runtime, store: &dyn StatsStore) {
    let mut group = criterion.benchmark_group(format!("apply 1,000 deltas to {name}"));
    for (name, window_secs) in [("new windows", 10), ("the same windows", 0)] {
        let (aggregator, routes) = (aggregator(), routes(1_000));
        let (writer, mut seq) = (WriterId::random(), 0);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|batches| {
                let mut time = Duration::ZERO;
                for _ in 0..batches {
                    seq += 1;
                    hit_each(&aggregator, &routes, false);
                    let at = START.plus_secs(window_secs * i64::try_from(seq).unwrap_or(0));
                    let batch = Batch::new(writer, seq, drained(&aggregator, at));
                    let started = now();
                    let applied = runtime.block_on(store.apply(&batch));
                    time += started.elapsed();
                    assert_eq!(applied.ok(), Some(Applied::Applied));
                }
                time
            });
        });
    }
}

fn drained(aggregator: &Aggregator, at: Timestamp) -> Vec<Delta> {
    let deltas = aggregator.drain(at);
    assert_eq!(deltas.len(), 1_000);
    deltas
}

/// Hits each endpoint three times, with latencies in buckets of their own.
fn hit_each(aggregator: &Aggregator, routes: &[String], with_callers: bool) {
    for (i, route) in routes.iter().enumerate() {
        for (n, micros) in [180, 900, 7_000].into_iter().enumerate() {
            let number = (i * 3 + n) as u64;
            let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let latency = Duration::from_micros(micros + number % 100);
            record(
                aggregator,
                route,
                &Hit {
                    outcome: Outcome::Status(if n == 2 { 404 } else { 200 }),
                    latency: Some(latency.into()),
                    duration: Some((latency * 2).into()),
                    response_bytes: 512,
                    caller: with_callers.then(|| CallerHash::from_u64(hash)),
                },
            );
        }
    }
}

fn record_until(aggregator: &Aggregator, stop: &AtomicBool) {
    let hit = Hit {
        outcome: Outcome::Status(200),
        latency: Some(Duration::from_micros(300).into()),
        duration: Some(Duration::from_micros(310).into()),
        response_bytes: 512,
        caller: None,
    };
    while !stop.load(Ordering::Relaxed) {
        record(aggregator, "/busy", &hit);
    }
}

fn record(aggregator: &Aggregator, route: &str, hit: &Hit) {
    let arrival = Arrival { method: Method::Get, route: Some(route), consumer: None };
    let open = aggregator.begin(arrival).expect("nothing is ignored");
    open.end(hit);
}

fn aggregator() -> Aggregator {
    let service = ServiceName::new("bench").expect("lower-case letters");
    Aggregator::new(service, Limits { max_endpoints: 2_001, ..Limits::default() })
}

fn routes(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("/resources-{i}/{{id}}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "measuring time is the point")]
fn now() -> Instant {
    Instant::now()
}
