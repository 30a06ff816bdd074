//! What a flusher says of its spool: how full it is, and why hits of it were given up.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::ManualClock;
use endpoint_stats_core::flush::spool::{Spool, SpoolOptions, WhenFull};
use endpoint_stats_core::flush::{FlushConfig, Flusher};

use super::writer::{NOON, Writer, no_roll_up};
use super::{Fault, FaultyStore};
use crate::exposed::{collect, until, value};

/// The least there may be.
const LIMIT: u64 = 1 << 20;

const DROPPED: &str = r#"endpoint_stats_hits_dropped_total{service="shop",reason="#;

fn start(store: &Arc<FaultyStore>, folder: &Path, when_full: WhenFull) -> Writer {
    let spool = Spool::open(folder, SpoolOptions { max_bytes: LIMIT, when_full, ..SpoolOptions::default() }).unwrap();
    let recorder = Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default());
    let clock = Arc::new(ManualClock::at(NOON));
    let config = FlushConfig { interval: Duration::from_millis(20), max_batch: 100, ..no_roll_up() };
    let flusher = Flusher::start_with_spool(recorder.clone(), store.clone(), clock.clone(), config, spool);
    Writer { recorder, clock, flusher }
}

/// Counts four thousand hits, whose batches take more bytes than the spool may.
async fn overfill(writer: &Writer) {
    for round in 1..=40 {
        (0..100).for_each(|route| writer.hit(&format!("/{}/{route}/{}", round % 10, "long/".repeat(60)), 1));
        writer.until_books(|books| books.observed == round * 100).await;
    }
}

fn dropped(reason: &str) -> Option<u64> {
    value(&format!("{DROPPED}\"{reason}\"}}"))
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "spool")).collect();
    segments.sort();
    segments
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_hits_of_a_full_spool_are_dropped_for_that_reason() {
    collect();
    let (store, folder) = (FaultyStore::new(|_| Fault::FailBefore).await, tempfile::tempdir().unwrap());
    let writer = start(&store, folder.path(), WhenFull::DropOldest);

    overfill(&writer).await;

    let books = writer.until_books(|books| books.dropped > 0).await;
    assert_eq!((books.dropped_full, books.dropped_unreadable, books.rejected()), (books.dropped, 0, 0));
    until(&format!("{DROPPED}\"spool_full\"}}"), |hits| hits == writer.flusher.books().dropped).await;
    assert_eq!((dropped("rejected"), dropped("spool_unreadable")), (Some(0), Some(0)));
    let bytes = value(r#"endpoint_stats_spool_bytes{service="shop"}"#).unwrap();
    assert!(bytes > LIMIT / 2 && bytes <= LIMIT, "{bytes} bytes");
    assert_eq!(value(r#"endpoint_stats_spool_limit_bytes{service="shop"}"#), Some(LIMIT));
    assert_eq!(value(r#"endpoint_stats_spool_up{service="shop"}"#), Some(1), "a full disk of ours is no failing one");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_hits_wait_in_memory_beside_a_full_spool_and_none_is_dropped() {
    collect();
    let (store, folder) = (FaultyStore::new(|_| Fault::FailBefore).await, tempfile::tempdir().unwrap());
    let writer = start(&store, folder.path(), WhenFull::Merge);

    overfill(&writer).await;

    let books = writer.until_books(|books| books.spooled >= 300).await;
    assert_eq!((books.pending > 0, books.dropped), (true, 0), "{books:?}");
    store.set_faults(|_| Fault::None);
    let books = writer.until_books(|books| books.stored == 4_000).await;
    assert_eq!((books.pending, books.spooled, books.dropped), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_the_disk_changed_is_dropped_for_that_reason_and_no_other() {
    collect();
    let (store, folder) = (FaultyStore::new(|_| Fault::FailBefore).await, tempfile::tempdir().unwrap());
    let writer = start(&store, folder.path(), WhenFull::Merge);
    let mut ends = Vec::new();
    for hits in [3, 4, 5] {
        writer.hit("/a", hits);
        writer.until_books(|books| books.observed == books.spooled && books.observed >= hits).await;
        ends.push(fs::metadata(&segments(folder.path())[0]).unwrap().len());
    }

    // In the second batch: the first one is on its way already.
    let segment = OpenOptions::new().write(true).open(&segments(folder.path())[0]).unwrap();
    segment.write_all_at(b"\xff\xff", ends[1] - 20).unwrap();
    store.set_faults(|_| Fault::None);

    let books = writer.until_books(|books| books.stored + books.dropped == 12).await;
    assert_eq!((books.stored, books.dropped, books.dropped_unreadable, books.rejected()), (8, 4, 4, 0));
    until(&format!("{DROPPED}\"spool_unreadable\"}}"), |hits| hits == 4).await;
    assert_eq!((dropped("rejected"), dropped("spool_full")), (Some(0), Some(0)));
}
