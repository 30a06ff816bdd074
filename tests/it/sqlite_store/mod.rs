//! SQLite keeps the promises of every store, and its own about the file.

mod sums;

use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::clock::ManualClock;
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::store::conformance::answers_like_memory;
use endpoint_stats_core::store::{
    Applied, Batch, SqliteStore, StatsQuery, StatsStore, StoreError, StoreErrorKind, WriterId,
};
use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, EndpointStats, Hit, Method, Outcome, Route, ServiceName};
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::random_batches::scenario;

/// A store whose file goes when it goes.
#[derive(Debug)]
struct TemporaryStore {
    store: SqliteStore,
    folder: TempDir,
}

impl TemporaryStore {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("stats.db")).await.unwrap();
        Self { store, folder }
    }

    async fn reopen(self) -> Self {
        drop(self.store);
        let store = SqliteStore::open(self.folder.path().join("stats.db")).await.unwrap();
        Self { store, folder: self.folder }
    }
}

impl Deref for TemporaryStore {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.store
    }
}

async fn fresh() -> TemporaryStore {
    TemporaryStore::open().await
}

endpoint_stats_core::store_conformance!(fresh);

fn hits(count: u64) -> Vec<Delta> {
    let at = Timestamp::from_unix(1_700_000_000);
    let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new("/users/{id}").unwrap());
    let counts = Counts { outcomes: [(Outcome::Status(200), count)].into_iter().collect(), ..Counts::default() };
    vec![Delta { endpoint, window: Window::containing(at, Width::TenSeconds), first_at: at, last_at: at, counts }]
}

async fn total(store: &SqliteStore) -> u64 {
    store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap().totals.counts.hits()
}

/// Runs SQL through the `sqlite3` program: another process, another build of SQLite.
fn sqlite3(file: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3")
        .args(["-cmd", ".timeout 5000"])
        .arg(file)
        .arg(sql)
        .output()
        .expect("sqlite3 is installed by setup.sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn said(error: &StoreError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

#[test]
fn random_batches_are_answered_as_memory_answers_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&scenario(), |(batches, roll_ups)| {
            runtime.block_on(async {
                let store = TemporaryStore::open().await;
                answers_like_memory(&*store, &batches, &roll_ups).await;
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_batch_sent_again_after_a_restart_counts_once() {
    let store = TemporaryStore::open().await;
    let batch = Batch::new(WriterId::random(), 1, hits(3));
    store.apply(&batch).await.unwrap();

    let store = store.reopen().await;

    assert_eq!(store.apply(&batch).await.unwrap(), Applied::Duplicate);
    assert_eq!(total(&store).await, 3);
}

#[tokio::test]
async fn the_tables_can_be_read_with_plain_sql() {
    let store = TemporaryStore::open().await;
    store.apply(&Batch::new(WriterId::random(), 1, hits(3))).await.unwrap();

    let rows = sqlite3(
        store.path(),
        "SELECT route, w.hits, datetime(start, 'unixepoch') FROM endpoint_window w JOIN endpoint e ON e.id = endpoint_id",
    );

    assert_eq!(rows.trim(), "/users/{id}|3|2023-11-14 22:13:20");
    assert_eq!(sqlite3(store.path(), "PRAGMA integrity_check").trim(), "ok");
    assert_eq!(sqlite3(store.path(), "PRAGMA journal_mode").trim(), "wal");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "shopping list: milk, bread, and more than sixteen bytes").unwrap();

    let error = SqliteStore::open(&file).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(said(&error).contains("file is not a database"), "{}", said(&error));
    assert!(fs::read_to_string(&file).unwrap().starts_with("shopping list"));
}

#[tokio::test]
async fn another_applications_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.db");
    sqlite3(&file, "CREATE TABLE photos (id INTEGER)");

    let error = SqliteStore::open(&file).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(said(&error).contains("belongs to another application"), "{}", said(&error));
    assert_eq!(sqlite3(&file, "SELECT name FROM sqlite_schema").trim(), "photos");
}

#[tokio::test]
async fn a_file_from_a_newer_version_is_refused_by_the_name_of_its_migration() {
    let store = TemporaryStore::open().await;
    let file = store.path().to_owned();
    sqlite3(&file, "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')");

    let error = SqliteStore::open(&file).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(said(&error).contains("does not know migration 20991231000000"), "{}", said(&error));
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();

    let error = SqliteStore::open(folder.path()).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    let missing = SqliteStore::open(folder.path().join("no/such/folder/stats.db")).await.unwrap_err();
    assert_eq!(missing.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_damaged_window_is_set_aside_with_its_reason() {
    let store = TemporaryStore::open().await;
    store.apply(&Batch::new(WriterId::random(), 1, hits(3))).await.unwrap();
    let aside = "SELECT reason, hits FROM damaged_window";

    sqlite3(store.path(), "UPDATE endpoint_window SET latency = x'ff'");
    store.apply(&Batch::new(WriterId::random(), 1, hits(4))).await.unwrap();
    assert_eq!(sqlite3(store.path(), aside).trim(), "damaged latency sketch: unknown version|3");
    assert_eq!(total(&store).await, 4);

    sqlite3(store.path(), "UPDATE endpoint_window SET outcomes = x'0102'");
    assert_eq!(total(&store).await, 0);
    assert_eq!(sqlite3(store.path(), "SELECT sum(hits) FROM damaged_window").trim(), "7");
}

#[tokio::test]
async fn stores_opened_together_on_a_new_file_migrate_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats.db");

    let (a, b, c) = tokio::join!(SqliteStore::open(&file), SqliteStore::open(&file), SqliteStore::open(&file));

    for store in [a, b, c] {
        store.unwrap().apply(&Batch::new(WriterId::random(), 1, hits(1))).await.unwrap();
    }
    assert_eq!(sqlite3(&file, "SELECT sum(hits) FROM endpoint").trim(), "3");
}

#[tokio::test]
async fn a_damaged_window_holds_up_no_flush() {
    let store = TemporaryStore::open().await;
    let at = Timestamp::from_unix(1_700_000_000);
    let clock = Arc::new(ManualClock::at(at));
    let stats = EndpointStats::builder(ServiceName::new("shop").unwrap())
        .with_store(SqliteStore::open(store.path()).await.unwrap())
        .with_clock(clock)
        .start();
    store.apply(&Batch::new(WriterId::random(), 1, hits(3))).await.unwrap();
    sqlite3(store.path(), "UPDATE endpoint_window SET latency = x'ff'");
    for route in ["/users/{id}", "/orders", "/users/{id}"] {
        let arrival = Arrival { method: Method::Get, route: Some(route), consumer: None };
        let hit = Hit { outcome: Outcome::Status(200), latency: None, duration: None, response_bytes: 0, caller: None };
        stats.recorder().begin(arrival).unwrap().end(&hit);
    }

    let books = stats.shutdown(Duration::from_secs(30)).await.books;

    assert_eq!((books.observed, books.stored, books.dropped, books.pending), (3, 3, 0, 0));
    assert_eq!(sqlite3(store.path(), "SELECT hits FROM endpoint WHERE route = '/orders'").trim(), "1");
}

#[tokio::test]
async fn stores_of_one_process_and_other_programs_share_a_file_without_losing_a_write() {
    let store = TemporaryStore::open().await;
    store.apply(&Batch::new(WriterId::random(), 1, hits(1))).await.unwrap();
    let second = SqliteStore::open(store.path()).await.unwrap();
    // A program that closes the last connection it knows of removes the write-ahead log.
    sqlite3(store.path(), "SELECT 1 FROM endpoint");

    store.apply(&Batch::new(WriterId::random(), 1, hits(2))).await.unwrap();
    second.apply(&Batch::new(WriterId::random(), 1, hits(4))).await.unwrap();

    assert_eq!(sqlite3(store.path(), "SELECT hits FROM endpoint").trim(), "7");
}
