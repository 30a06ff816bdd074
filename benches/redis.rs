//! What Redis costs as the store: flushing, by one writer and by a hundred; questions; memory.
//!
//! The bench starts private servers on the same cores: one that keeps nothing on disk, one that syncs its file once a
//! second, and one that syncs each write. Times are those of the call, in milliseconds.
//!
//! - `flush`: `StatsStore::apply` of batches of 1,000 and 5,000 deltas, each with three hits; and what it costs to settle
//!   them in windows, by delta.
//! - `writers`: 100 stores flush 200 endpoints once a second for 20 seconds.
//! - `questions`: the last hour of 200 endpoints in windows of 10 seconds, and a series of one of them.
//! - `memory`: bytes of Redis a window of an endpoint, as its `used_memory` grows.

#[path = "deltas.rs"]
mod deltas;
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::Duration;

use endpoint_stats_core::store::redis::{RedisOptions, RedisStore};
use endpoint_stats_core::store::{Applied, Batch, EndpointFilter, Retention, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use tokio::task::JoinSet;

use self::deltas::{HITS_A_DELTA, START, as_i64, deltas_at, endpoints, micros, now, pause, show};
use self::support::redis::RedisServer;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let is_wanted = |part: &str| {
        let is_wanted = wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
        if is_wanted {
            println!("\n{part}");
        }
        is_wanted
    };
    runtime.block_on(async {
        if is_wanted("flush") {
            for (name, settings) in [
                ("nothing on disk", ["no", "no"]),
                ("synced once a second", ["yes", "everysec"]),
                ("each write synced", ["yes", "always"]),
            ] {
                flush(name, &server(settings)).await;
            }
        }
        if is_wanted("writers") {
            writers(&server(["yes", "everysec"])).await;
        }
        if is_wanted("questions") {
            questions(&server(["no", "no"])).await;
        }
        if is_wanted("memory") {
            memory(&server(["no", "no"])).await;
        }
    });
}

fn server([appendonly, appendfsync]: [&str; 2]) -> RedisServer {
    RedisServer::builder().setting("appendonly", appendonly).setting("appendfsync", appendfsync).start()
}

async fn flush(name: &str, server: &RedisServer) {
    for deltas in [1_000, 5_000] {
        let store = store(server, &format!("flush_{deltas}"), 4).await;
        let endpoints = endpoints(deltas);
        let (writer, mut times) = (WriterId::random(), Vec::new());
        for seq in 1..=60 {
            let batch = Batch::new(writer, seq, deltas_at(&endpoints, START.plus_secs(as_i64(seq) / 10 * 10), seq));
            let started = now();
            assert_eq!(store.apply(&batch).await.expect("applied"), Applied::Applied);
            times.push(started.elapsed());
        }
        show(&format!("{name}: apply {deltas} deltas"), times);
        let writer = WriterId::random();
        let mut settled = Duration::ZERO;
        for seq in 1..=10 {
            settle(&store).await;
            let batch = Batch::new(writer, seq, deltas_at(&endpoints, START.plus_secs(600), seq));
            store.apply(&batch).await.expect("applied");
            settled += settle(&store).await;
        }
        println!("  {name}: settle {deltas} deltas: {:.1} us a delta", micros(settled) / (10.0 * deltas as f64));
    }
}

async fn writers(server: &RedisServer) {
    let first = store(server, "every_second", 2).await;
    let mut writers = Vec::new();
    for _ in 0..100 {
        writers.push((store(server, "every_second", 1).await, WriterId::random()));
    }
    let (mut times, mut late) = (Vec::new(), 0);
    let endpoints = endpoints(200);
    let started = now();
    for second in 1..=20_u64 {
        let mut flushing = JoinSet::new();
        for (store, writer) in &writers {
            let at = START.plus_secs(as_i64(second) / 10 * 10);
            let (store, batch) = (store.clone(), Batch::new(*writer, second, deltas_at(&endpoints, at, second)));
            flushing.spawn(async move {
                let started = now();
                store.apply(&batch).await.expect("applied");
                started.elapsed()
            });
        }
        times.extend(flushing.join_all().await);
        match Duration::from_secs(second).checked_sub(started.elapsed()) {
            Some(left) => pause(left).await,
            None => late += 1,
        }
    }
    show("apply 200 deltas, 100 writers once a second", times);
    let waiting = server.cli(&["LLEN", "{es1:every_second:0}:arrivals"]);
    println!("  seconds that were late: {late} of 20; batches not settled when the last was taken: {}", waiting.trim());
    settle(&first).await;
    assert_eq!(total(&first).await, 20 * 100 * 200 * HITS_A_DELTA);
}

async fn questions(server: &RedisServer) {
    let store = store(server, "questions", 4).await;
    let endpoints = endpoints(200);
    let writer = WriterId::random();
    for window in 0..360_u64 {
        let at = START.plus_secs(as_i64(window) * 10);
        store.apply(&Batch::new(writer, window + 1, deltas_at(&endpoints, at, window))).await.expect("applied");
        if window % 30 == 29 {
            settle(&store).await;
        }
    }
    let hour = TimeRange::new(START, START.plus_secs(3_600));
    ask(&store, "an hour of 200 endpoints, by windows of 10 s", &StatsQuery::over(hour)).await;
    let filter = EndpointFilter { route: Some(endpoints[7].route().clone()), ..EndpointFilter::default() };
    let series = StatsQuery::over(hour).with_filter(filter).with_step_secs(60);
    ask(&store, "the series of one of them, by minutes", &series).await;
}

async fn ask(store: &RedisStore, name: &str, query: &StatsQuery) {
    let mut times = Vec::new();
    for _ in 0..50 {
        let started = now();
        let report = store.query(query).await.expect("an answer");
        times.push(started.elapsed());
        assert!(report.totals.counts.hits() > 0);
    }
    show(name, times);
}

async fn memory(server: &RedisServer) {
    let store = store(server, "memory", 2).await;
    let endpoints = endpoints(200);
    let (writer, before) = (WriterId::random(), used_memory(server));
    for window in 0..100_u64 {
        let at = START.plus_secs(as_i64(window) * 10);
        store.apply(&Batch::new(writer, window + 1, deltas_at(&endpoints, at, window))).await.expect("applied");
        settle(&store).await;
    }
    let a_window = (used_memory(server) - before) / (100 * 200);
    println!("  {a_window} bytes a window of an endpoint, of 20,000");
}

fn used_memory(server: &RedisServer) -> u64 {
    let info = server.cli(&["INFO", "memory"]);
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("a line of INFO");
    line.trim().parse().expect("a number")
}

async fn store(server: &RedisServer, namespace: &str, connections: u32) -> RedisStore {
    let options = RedisOptions::from_url(&server.url()).expect("a URL");
    let options = options.with_namespace(namespace).with_max_connections(connections);
    RedisStore::connect(options).await.expect("connected")
}

/// Settles what has arrived, and rolls nothing up.
async fn settle(store: &RedisStore) -> Duration {
    let started = now();
    store.roll_up(START.minus_secs(1), &Retention::default()).await.expect("settled");
    started.elapsed()
}

async fn total(store: &RedisStore) -> u64 {
    let all = TimeRange::new(Timestamp::EPOCH, START.plus_secs(86_400));
    store.query(&StatsQuery::over(all)).await.expect("an answer").totals.counts.hits()
}
