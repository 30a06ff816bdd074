//! Rolling up while others write: the sum over all tiers is the truth at every moment.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::{Applied, Batch, Retention, SqliteStore, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::{TimeRange, Width};

use super::faulty_store::sqlite3;
use super::writer::{NOON, hit};

const BATCHES: u64 = 60;
const HITS: u64 = 4 * 3;

/// Writes batches that lie further and further back, so that every one is past its retention.
async fn write(file: &Path, written: &AtomicU64) {
    let store = SqliteStore::open(file).await.unwrap();
    let recorder = Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default());
    let writer = WriterId::random();
    for seq in 1..=BATCHES {
        for route in ["/a", "/b", "/c", "/d"] {
            hit(&recorder, route, 3);
        }
        let at = NOON.minus_secs(seq.cast_signed() * 7_000);
        let batch = Batch::new(writer, seq, recorder.drain(at));
        assert_eq!(store.apply(&batch).await.unwrap(), Applied::Applied);
        written.fetch_add(HITS, Ordering::SeqCst);
    }
}

async fn roll_up(file: &Path, writers_are_done: &AtomicBool) -> u64 {
    let store = SqliteStore::open(file).await.unwrap();
    let mut moved = 0;
    loop {
        let last = writers_are_done.load(Ordering::SeqCst);
        moved += store.roll_up(NOON, &Retention::default()).await.unwrap().moved;
        if last {
            return moved;
        }
    }
}

/// Reads sums that only grow, and that lie between what was written before and after the reading.
async fn read(file: &Path, written: &AtomicU64, writers_are_done: &AtomicBool) -> u64 {
    let store = SqliteStore::open(file).await.unwrap();
    let mut readings = 0;
    while !writers_are_done.load(Ordering::SeqCst) {
        let before = written.load(Ordering::SeqCst);
        let sum = total(&store).await;
        // Two batches may be committed and not yet noted.
        let after = written.load(Ordering::SeqCst) + 2 * HITS;
        assert!((before..=after).contains(&sum), "{before} <= {sum} <= {after}");
        readings += 1;
    }
    readings
}

async fn total(store: &SqliteStore) -> u64 {
    store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap().totals.counts.hits()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_roll_up_together_while_others_write_conserve_every_sum() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats.db");
    SqliteStore::open(&file).await.unwrap();
    let (written, done) = (AtomicU64::new(0), AtomicBool::new(false));

    let writers = async {
        tokio::join!(write(&file, &written), write(&file, &written));
        done.store(true, Ordering::SeqCst);
    };
    let (readings, moved_a, moved_b, ()) =
        tokio::join!(read(&file, &written, &done), roll_up(&file, &done), roll_up(&file, &done), writers);

    assert!(readings > 0);
    assert!(moved_a + moved_b > 0);
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(total(&store).await, 2 * BATCHES * HITS);
    let all_time: u64 = store.endpoints().await.unwrap().iter().map(|status| status.hits).sum();
    assert_eq!(all_time, 2 * BATCHES * HITS);
    let narrow = format!("SELECT count(*) FROM endpoint_window WHERE width_secs = {}", Width::TenSeconds.secs());
    let kept: i64 = sqlite3(&file, &narrow).parse().unwrap();
    assert!(kept <= 3 * 4, "{kept} narrow windows are within six hours");
    assert_eq!(sqlite3(&file, "PRAGMA integrity_check"), "ok");
}

#[tokio::test]
async fn writers_long_gone_are_forgotten_when_there_are_many_newer_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let now = SystemClock.now();
    let writers = |count: u32, days_ago: i64| {
        let last_seen = now.minus_secs(days_ago * 86_400);
        let forget_at = last_seen.plus_secs(30 * 86_400).as_unix();
        let sql = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             INSERT INTO writer SELECT randomblob(16), 1, x'', NULL, {}, {forget_at} FROM n",
            last_seen.as_unix()
        );
        sqlite3(&file, &sql);
    };

    writers(9_000, 40);
    store.roll_up(now, &Retention::default()).await.unwrap();
    let few = sqlite3(&file, "SELECT count(*) FROM writer");
    writers(10_000, 1);
    store.roll_up(now, &Retention::default()).await.unwrap();
    let many = sqlite3(&file, "SELECT count(*) FROM writer");

    assert_eq!((few.as_str(), many.as_str()), ("9000", "10000"));
}
