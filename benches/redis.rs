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
#[allow(dead_code, reason = "each bench uses a part of it")]
mod deltas;
#[path = "../tests/it/support/mod.rs"]
mod support;

use endpoint_stats_core::store::redis::{RedisOptions, RedisStore};
use endpoint_stats_core::store::{Batch, EndpointFilter, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::TimeRange;

use self::deltas::{
    Parts, START, as_i64, deltas_at, endpoints, flush_and_settle, flush_once_a_second, now, settle, show,
};
use self::support::redis::RedisServer;

fn main() {
    let Some(parts) = Parts::of_arguments() else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        if parts.want("flush") {
            for (name, settings) in [
                ("nothing on disk", ["no", "no"]),
                ("synced once a second", ["yes", "everysec"]),
                ("each write synced", ["yes", "always"]),
            ] {
                flush(name, &server(settings)).await;
            }
        }
        if parts.want("writers") {
            writers(&server(["yes", "everysec"])).await;
        }
        if parts.want("questions") {
            questions(&server(["no", "no"])).await;
        }
        if parts.want("memory") {
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
        flush_and_settle(name, &store, deltas).await;
    }
}

async fn writers(server: &RedisServer) {
    let mut stores = Vec::new();
    for _ in 0..100 {
        stores.push(store(server, "every_second", 1).await);
    }
    flush_once_a_second(stores, || server.cli(&["LLEN", "{es1:every_second:0}:arrivals"])).await;
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
