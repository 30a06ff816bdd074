//! What Redis in front of PostgreSQL saves, and what it costs when it is silent.
//!
//! The bench starts a private PostgreSQL and a private Redis, on the same cores, with 1,000 endpoints hit in every hour of
//! 30 days. Times are those of `StatsStore::query`, in milliseconds; the question is the overview of all endpoints.
//!
//! - `overview`: by PostgreSQL, by Redis while the answer lives, and by both when the range is still open, so that the
//!   answer is made anew each second; by one reader and by eight.
//! - `stampede`: a thousand readers at once, of an answer that is not there, and of one that is.
//! - `silent`: Redis behind a proxy that swallows everything, beside the same questions to PostgreSQL alone.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod deltas;
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::Duration;

use endpoint_stats_core::store::cached::CacheStats;
use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};
use endpoint_stats_core::store::redis::RedisOptions;
use endpoint_stats_core::store::{Batch, CachedStore, Retention, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};
use tokio::task::JoinSet;

use self::deltas::{Parts, START, deltas_in, endpoints, now};
use self::support::postgres::PostgresServer;
use self::support::proxy::Proxy;
use self::support::redis::RedisServer;

const DAYS: i64 = 30;
const ENDPOINTS: u64 = 1_000;

type Cached = CachedStore<PostgresStore>;

fn main() {
    let Some(parts) = Parts::of_arguments() else { return };
    let postgres = PostgresServer::builder().durable().start();
    let redis = RedisServer::builder().setting("appendonly", "no").start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = filled(&postgres).await;
        if parts.want("overview") {
            overview(&store, &redis).await;
        }
        if parts.want("stampede") {
            stampede(&store, &redis).await;
        }
        if parts.want("silent") {
            silent(&store, &redis).await;
        }
    });
}

async fn overview(store: &PostgresStore, redis: &RedisServer) {
    let cached = cached(store, &redis.url());
    for readers in [1, 8] {
        let uncached = ask_often(store, &closed(), readers, 100).await;
        show(&format!("{readers} readers, PostgreSQL"), &uncached);
        for (name, query) in [("a range that ended", closed()), ("a range that is open", open())] {
            keep(&cached, redis, &query).await;
            let times = ask_often(&cached, &query, readers, 2_000).await;
            show(&format!("{readers} readers, Redis, {name}"), &times);
            println!("    {:.0} times the rate", times.rate() / uncached.rate());
        }
    }
    println!("  {:?}", cached.stats());
    keep(&cached, redis, &closed()).await;
    println!("  bytes in Redis: {}", redis.cli(&["STRLEN", &redis.cli(&["RANDOMKEY"])]));
}

async fn stampede(store: &PostgresStore, redis: &RedisServer) {
    redis.cli(&["FLUSHALL"]);
    for what in ["of no answer", "of an answer in Redis"] {
        let cached = cached(store, &redis.url());
        let times = ask_often(&cached, &closed(), 1_000, 1_000).await;
        show(&format!("1,000 readers at once, {what}"), &times);
        let stats = cached.stats();
        println!("    PostgreSQL was asked {} times", stats.misses + stats.errors + stats.bypasses);
        until_kept(&cached).await;
    }
}

async fn silent(store: &PostgresStore, redis: &RedisServer) {
    let proxy = Proxy::to(redis.addr()).await;
    let cached = cached(store, &format!("redis://{}/0", proxy.addr()));
    keep(&cached, redis, &closed()).await;
    proxy.black_hole();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..1_500 {
        without.push(ask(store, &closed()).await);
        with.push(ask(&cached, &closed()).await);
    }
    let first: Vec<_> = with[..4].iter().map(|time| format!("{:.1}", millis(*time))).collect();
    println!("  the first questions: {} ms", first.join(", "));
    let (with, without) = (Times::of(with), Times::of(without));
    show("PostgreSQL alone", &without);
    show("Redis silent", &with);
    println!("    p99 {:+.1} %", (with.at(99) / without.at(99) - 1.0) * 100.0);
    println!("  {:?}", cached.stats());
}

// === what is asked ===

fn end() -> Timestamp {
    START.plus_secs(DAYS * 86_400)
}

fn closed() -> StatsQuery {
    StatsQuery::over(TimeRange::new(START, end()))
}

fn open() -> StatsQuery {
    StatsQuery::over(TimeRange::new(START, Timestamp::from_unix(i64::MAX)))
}

async fn ask(store: &dyn StatsStore, query: &StatsQuery) -> Duration {
    let started = now();
    let report = store.query(query).await.expect("an answer");
    let time = started.elapsed();
    assert_eq!(report.endpoints.len() as u64, ENDPOINTS);
    time
}

async fn ask_often<S: StatsStore + Clone + 'static>(
    store: &S,
    query: &StatsQuery,
    readers: usize,
    questions: usize,
) -> Times {
    let started = now();
    let mut reading = JoinSet::new();
    for _ in 0..readers {
        let (store, query) = (store.clone(), query.clone());
        reading.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..questions / readers {
                times.push(ask(&store, &query).await);
            }
            times
        });
    }
    let times = reading.join_all().await.concat();
    Times { all: started.elapsed(), ..Times::of(times) }
}

// === what is stored ===

fn cached(store: &PostgresStore, url: &str) -> Cached {
    CachedStore::new(store.clone(), RedisOptions::from_url(url).expect("a URL")).expect("a cache")
}

/// Has Redis keep the answer, and no other one.
async fn keep(cached: &Cached, redis: &RedisServer, query: &StatsQuery) {
    redis.cli(&["FLUSHALL"]);
    ask(cached, query).await;
    until_kept(cached).await;
}

async fn until_kept(cached: &Cached) {
    let mut looks = tokio::time::interval(Duration::from_millis(1));
    let is_kept = |stats: CacheStats| stats.kept + stats.too_large + stats.failed + stats.dropped >= stats.misses;
    while !is_kept(cached.stats()) {
        looks.tick().await;
    }
}

async fn filled(server: &PostgresServer) -> PostgresStore {
    let options = PostgresOptions::from_url(&server.create_database("cached")).expect("a URL");
    PostgresStore::migrate(options.clone()).await.expect("migrated");
    let store = PostgresStore::connect(options.with_max_connections(4)).await.expect("connected");
    let (writer, endpoints) = (WriterId::random(), endpoints(ENDPOINTS));
    for day in 0..DAYS {
        let hours = (0..24).map(|hour| Window::containing(START.plus_secs(day * 86_400 + hour * 3_600), Width::Hour));
        let deltas = hours.zip(0..).flat_map(|(hour, salt)| deltas_in(&endpoints, hour, salt)).collect();
        let batch = Batch::new(writer, day.unsigned_abs() + 1, deltas);
        store.apply(&batch).await.expect("applied");
        store.roll_up(START.minus_secs(1), &Retention::default()).await.expect("settled");
    }
    server.psql("cached", "VACUUM ANALYZE");
    store
}

// === what is shown ===

/// How long each question took, and all together.
struct Times {
    sorted: Vec<Duration>,
    all: Duration,
}

impl Times {
    /// Of questions that were asked one after the other.
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let all = times.iter().sum();
        Self { sorted: times, all }
    }

    fn at(&self, percent: usize) -> f64 {
        millis(self.sorted[(self.sorted.len() - 1) * percent / 100])
    }

    fn rate(&self) -> f64 {
        self.sorted.len() as f64 / self.all.as_secs_f64()
    }
}

fn show(what: &str, times: &Times) {
    let (median, p99, rate) = (times.at(50), times.at(99), times.rate());
    println!("  {what}: median {median:.1} ms, p99 {p99:.1} ms, {rate:.0} a second, {} times", times.sorted.len());
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
