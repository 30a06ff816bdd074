//! Whole imports, from a file to the store.

mod bad_input;
mod follow;
mod once;
mod shorter;
mod watched_store;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::store::{StatsQuery, StatsReport, StatsStore};
use endpoint_stats_core::window::TimeRange;
use tempfile::TempDir;
use watched_store::WatchedStore;

use super::*;

/// Options under which each chunk of 1 KiB is a batch.
fn options() -> ImportOptions {
    ImportOptions::new(ServiceName::new("shop").unwrap())
        .with_threads(2)
        .with_chunk_bytes(1_024)
        .with_commit_every(Duration::ZERO)
        .with_poll_every(Duration::from_millis(1))
}

/// Lines that differ in caller, time, path, status and size.
fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(line).collect()
}

fn line(number: u32) -> String {
    let (hour, minute, second) = (number / 360 % 24, number / 6 % 60, number * 10 % 60);
    let (caller, page, status) = (number % 7, number % 13, [200, 304, 404, 500][number as usize % 4]);
    format!(
        "192.0.2.{caller} - - [17/May/2015:{hour:02}:{minute:02}:{second:02} +0000] \
         \"GET /page-{page}/{number}?q HTTP/1.1\" {status} {number} \"-\" \"agent\"\n"
    )
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A folder with a log.
struct Log(TempDir);

impl Log {
    fn new(content: impl AsRef<[u8]>) -> Self {
        let log = Self(tempfile::tempdir().unwrap());
        std::fs::write(log.path(), content).unwrap();
        log
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("access.log")
    }

    fn append(&self, text: &str) {
        append(&self.path(), text);
    }
}

fn append(path: &Path, text: &str) {
    std::fs::File::options().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

async fn import_file(path: PathBuf, store: &Arc<WatchedStore>) -> Result<ImportSummary, ImportError> {
    import(Source::File(path), &options(), store.clone(), &mut |_| {}).await
}

async fn import_bytes(content: impl AsRef<[u8]>, store: &Arc<WatchedStore>) -> Result<ImportSummary, ImportError> {
    import_file(Log::new(content).path(), store).await
}

async fn import_pipe(content: impl AsRef<[u8]>, store: &Arc<WatchedStore>) -> Result<ImportSummary, ImportError> {
    let pipe = std::io::Cursor::new(content.as_ref().to_vec());
    let input = Input::of_pipe("pipe".into(), &LineFormat::combined(), pipe, Duration::from_mins(1))?;
    import_input(input, &options(), store.clone(), &mut |_| {}).await
}

async fn report(store: &WatchedStore) -> StatsReport {
    store.query(&StatsQuery::over(TimeRange::ALL).with_step_secs(3_600)).await.unwrap()
}

/// What a store holds after one import of a text.
async fn report_of(text: &str) -> StatsReport {
    let store = WatchedStore::new();
    import_bytes(text, &store).await.unwrap();
    report(&store).await
}
