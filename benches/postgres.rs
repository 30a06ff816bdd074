//! What PostgreSQL costs: flushing, by one writer and by a hundred; the ways that suggest themselves first; questions
//! about long ranges; rolling up; room on disk.
//!
//! The bench starts a private server that syncs every commit (`fsync` and `synchronous_commit` on), on the same cores.
//! Times are those of the call, in milliseconds.
//!
//! - `flush`: `StatsStore::apply` of batches of 1,000 and 5,000 deltas, each with three hits; and what it costs to settle
//!   them in windows, by delta.
//! - `writers`: 1, 10 and 100 stores with a connection each flush 200 endpoints again and again, until as many deltas are
//!   stored and settled; then 100 of them once a second.
//! - `naive`: the same hits by one `UPDATE` a hit, and by one upsert a row, by 1 and by 10 writers.
//! - `questions`: over 1,000 endpoints, each hit in every hour of 90 days.
//! - `roll-up`: an hour of 10-second windows of 200 endpoints, as a hundred writers fill them, becomes minutes.

#[path = "deltas.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod deltas;
#[path = "../tests/it/support/mod.rs"]
mod support;

use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};
use endpoint_stats_core::store::{Batch, EndpointFilter, Retention, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::{TimeRange, Width, Window};
use tokio::task::JoinSet;

use self::deltas::{
    HITS_A_DELTA, Parts, START, as_i64, deltas_at, deltas_in, endpoints, flush_and_settle, flush_once_a_second, micros,
    now, settle, show, total,
};
use self::support::postgres::PostgresServer;

fn main() {
    let Some(parts) = Parts::of_arguments() else { return };
    let server = PostgresServer::builder().durable().setting("max_connections", "150").start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        if parts.want("flush") {
            flush(&server).await;
        }
        if parts.want("writers") {
            writers(&server).await;
        }
        if parts.want("naive") {
            naive(&server).await;
        }
        if parts.want("questions") {
            questions(&server).await;
        }
        if parts.want("roll-up") {
            roll_up(&server).await;
        }
    });
}

async fn flush(server: &PostgresServer) {
    for deltas in [1_000, 5_000] {
        let store = store(server, &format!("flush_{deltas}"), 4).await;
        flush_and_settle("every commit synced", &store, deltas).await;
    }
}

async fn writers(server: &PostgresServer) {
    const DELTAS: u64 = 200_000;
    for writers in [1, 10, 100] {
        let database = format!("writers_{writers}");
        let first = store(server, &database, 2).await;
        let stores = stores(server, &database, writers).await;
        let started = now();
        let mut flushing = JoinSet::new();
        for store in stores {
            let batches = DELTAS / 200 / writers;
            flushing.spawn(async move {
                let (writer, endpoints) = (WriterId::random(), endpoints(200));
                for seq in 1..=batches {
                    let at = START.plus_secs(as_i64(seq * writers / 100) * 10);
                    let batch = Batch::new(writer, seq, deltas_at(&endpoints, at, seq));
                    store.apply(&batch).await.expect("applied");
                }
            });
        }
        flushing.join_all().await;
        let flushed = started.elapsed();
        settle(&first).await;
        let settled = started.elapsed();
        assert_eq!(total(&first).await, DELTAS * HITS_A_DELTA);
        println!(
            "  {writers} writers: {:.1} us a delta until taken, {:.1} until settled",
            micros(flushed) / DELTAS as f64,
            micros(settled) / DELTAS as f64,
        );
    }
    drop(store(server, "every_second", 2).await);
    let stores = stores(server, "every_second", 100).await;
    flush_once_a_second(stores, || server.psql("every_second", "SELECT count(*) FROM endpoint_stats.arrival")).await;
}

async fn naive(server: &PostgresServer) {
    for writers in [1, 10] {
        let database = format!("naive_{writers}");
        let first = store(server, &database, 2).await;
        let stores = stores(server, &database, writers).await;
        let started = now();
        let mut flushing = JoinSet::new();
        for store in stores {
            flushing.spawn(async move {
                let (writer, endpoints) = (WriterId::random(), endpoints(200));
                for seq in 1..=20 {
                    let batch = Batch::new(writer, seq, deltas_at(&endpoints, START, seq));
                    store.apply(&batch).await.expect("applied");
                }
            });
        }
        flushing.join_all().await;
        settle(&first).await;
        let hits = writers * 20 * 200 * HITS_A_DELTA;
        let ours = hits as f64 / started.elapsed().as_secs_f64();
        assert_eq!(total(&first).await, hits);
        println!("  {writers} writers, ours, taken and settled: {ours:.0} hits/s");

        let url = server.create_database(&format!("naive_sql_{writers}"));
        let client = connect(&url).await;
        client
            .batch_execute(
                "CREATE TABLE hits (route text PRIMARY KEY, n bigint NOT NULL);
                 INSERT INTO hits SELECT 'GET /resources-' || i || '/{id}', 0 FROM generate_series(0, 199) AS i;",
            )
            .await
            .expect("a table");
        for (name, sql, by) in [
            ("one UPDATE a hit", "UPDATE hits SET n = n + $2 WHERE route = $1", 1),
            (
                "one upsert a row",
                "INSERT INTO hits AS h VALUES ($1, $2) ON CONFLICT (route) DO UPDATE SET n = h.n + EXCLUDED.n",
                HITS_A_DELTA,
            ),
        ] {
            let rate = one_by_one(&url, writers, sql, by).await;
            println!("  {writers} writers, {name}: {rate:.0} hits/s, ours is {:.0} times as fast", ours / rate);
        }
    }
}

/// Hits a second when each of the writers sends a statement a row.
async fn one_by_one(url: &str, writers: u64, sql: &'static str, by: u64) -> f64 {
    const ROWS: u64 = 2_000;
    let mut clients = Vec::new();
    for _ in 0..writers {
        clients.push(connect(url).await);
    }
    let started = now();
    let mut writing = JoinSet::new();
    for client in clients {
        writing.spawn(async move {
            let statement = client.prepare(sql).await.expect("a statement");
            for i in 0..ROWS / writers {
                let route = format!("GET /resources-{}/{{id}}", i % 200);
                client.execute(&statement, &[&route, &as_i64(by)]).await.expect("written");
            }
        });
    }
    writing.join_all().await;
    (ROWS * by) as f64 / started.elapsed().as_secs_f64()
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

async fn questions(server: &PostgresServer) {
    const DAYS: i64 = 90;
    let store = store(server, "questions", 4).await;
    let endpoints = endpoints(1_000);
    let writer = WriterId::random();
    for day in 0..DAYS {
        let mut deltas = Vec::new();
        for hour in 0..24 {
            let at = START.plus_secs(day * 86_400 + hour * 3_600);
            deltas.extend(deltas_in(&endpoints, Window::containing(at, Width::Hour), hour.unsigned_abs()));
        }
        store.apply(&Batch::new(writer, day.unsigned_abs() + 1, deltas)).await.expect("applied");
        settle(&store).await;
    }
    server.psql("questions", "VACUUM ANALYZE");
    let end = START.plus_secs(DAYS * 86_400);
    let overview = StatsQuery::over(TimeRange::new(end.minus_secs(30 * 86_400), end));
    ask(&store, "overview of 1,000 endpoints over 30 days", &overview, 1_000).await;
    let since_noon =
        StatsQuery::over(TimeRange::new(end.minus_secs(30 * 86_400 + 12 * 3_600), end.minus_secs(12 * 3_600)));
    ask(&store, "the same from noon to noon", &since_noon, 1_000).await;
    let filter = EndpointFilter { route: Some(endpoints[7].route().clone()), ..EndpointFilter::default() };
    let range = TimeRange::new(START, end);
    let by_day = StatsQuery::over(range).with_filter(filter.clone()).with_step_secs(86_400);
    ask(&store, "series of one endpoint over 90 days, by day", &by_day, 1).await;
    let by_hour = StatsQuery::over(range).with_filter(filter).with_step_secs(3_600);
    ask(&store, "series of one endpoint over 90 days, by hour", &by_hour, 1).await;
}

async fn ask(store: &PostgresStore, name: &str, query: &StatsQuery, endpoints: usize) {
    let mut times = Vec::new();
    for _ in 0..100 {
        let started = now();
        let report = store.query(query).await.expect("an answer");
        times.push(started.elapsed());
        assert_eq!(report.endpoints.len(), endpoints);
    }
    show(name, times);
}

async fn roll_up(server: &PostgresServer) {
    let store = store(server, "roll_up", 4).await;
    let endpoints = endpoints(200);
    for writer in 0..2 {
        let id = WriterId::random();
        for window in 0..360_u64 {
            let at = START.plus_secs(as_i64(window) * 10);
            store
                .apply(&Batch::new(id, window + 1, deltas_at(&endpoints, at, writer + window)))
                .await
                .expect("applied");
        }
        settle(&store).await;
    }
    server.psql("roll_up", "VACUUM FULL");
    let before = bytes_a_window(server, "window_10s");
    let started = now();
    let done = store.roll_up(START.plus_secs(9 * 3_600), &Retention::default()).await.expect("rolled up");
    let time = started.elapsed();
    assert_eq!(done.moved, 72_000);
    server.psql("roll_up", "VACUUM FULL");
    println!("  an hour of 200 endpoints, {} windows: {:.2} s", done.moved, time.as_secs_f64());
    println!(
        "  bytes a window with indexes: {before} of 10 s before, {} of 1 min after",
        bytes_a_window(server, "window_1m")
    );
}

fn bytes_a_window(server: &PostgresServer, table: &str) -> String {
    let sql = format!(
        "SELECT (sum(pg_total_relation_size(inhrelid)) / (SELECT count(*) FROM endpoint_stats.{table}))::int
         FROM pg_inherits WHERE inhparent = 'endpoint_stats.{table}'::regclass"
    );
    server.psql("roll_up", &sql)
}

// === what is stored ===

async fn store(server: &PostgresServer, database: &str, connections: u32) -> PostgresStore {
    let options = PostgresOptions::from_url(&server.create_database(database)).expect("a URL");
    PostgresStore::migrate(options.clone()).await.expect("migrated");
    PostgresStore::connect(options.with_max_connections(connections)).await.expect("connected")
}

async fn stores(server: &PostgresServer, database: &str, count: u64) -> Vec<PostgresStore> {
    let url = server.url_for(support::postgres::OWNER, support::postgres::OWNER_PASSWORD, database);
    let mut stores = Vec::new();
    for _ in 0..count {
        let options = PostgresOptions::from_url(&url).expect("a URL").with_max_connections(1);
        stores.push(PostgresStore::connect(options).await.expect("connected"));
    }
    stores
}
