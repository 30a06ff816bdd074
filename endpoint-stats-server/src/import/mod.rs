//! Access logs, imported: lines in, batches out, each line counted once.
//!
//! ```
//! use std::sync::Arc;
//! use endpoint_stats_core::ServiceName;
//! use endpoint_stats_core::store::MemoryStore;
//! use endpoint_stats_server::import::{ImportOptions, Source, import};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = tempfile::NamedTempFile::new()?;
//! let line = r#"192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /users/7 HTTP/1.1" 200 512"#;
//! std::fs::write(log.path(), format!("{line}\nwhat is this\n"))?;
//! let options = ImportOptions::new(ServiceName::new("shop")?);
//! let store = Arc::new(MemoryStore::default());
//!
//! let first = import(Source::File(log.path().into()), &options, store.clone(), &mut |_| {}).await?;
//! let again = import(Source::File(log.path().into()), &options, store, &mut |_| {}).await?;
//!
//! assert_eq!((first.counted, first.rejected), (1, 1));
//! assert_eq!(first.rejected_lines[0].to_string(), "line 2: no time in brackets: what is this");
//! assert_eq!((again.counted, again.already_counted), (0, 2));
//! # Ok(())
//! # }
//! ```
//!
//! # What counts
//!
//! Every line with a time, a request, a status and a size, see [`LineFormat`]. A request that cannot be read (`-`, or
//! the start of a TLS handshake on a plain port) was answered too: it counts as
//! [`Route::unmatched`](endpoint_stats_core::Route::unmatched). A line that cannot be read is rejected, counted and
//! shown with its number; it stops nothing. The last line counts without a line feed too, unless the file is followed.
//!
//! # Once
//!
//! A file is known by its content, not by its name: by its first line, together with the service it is counted for,
//! and by the last 4 KiB before the place up to which it was counted. So a file that was renamed or compressed is
//! still the same one, and of a file that has grown only what was added counts. Two files that start with the same
//! line are told apart by those 4 KiB. What it does not depend on is *how* a file is counted: importing it again with
//! another format, other routes or another width counts nothing.
//!
//! A file shorter than what was counted of it is recognised too, by landmarks: short digests that are kept of the bytes
//! before some offsets, behind each line of the first 4 KiB and then eight to each doubling. When all landmarks in the
//! shorter file are the same, all of its lines were counted before, and nothing is written. What stands behind its last
//! landmark, less than an eighth of the file, is not compared. When one differs, it is another file, and counts whole.
//!
//! Not recognised is a file that ends, or ended, within its first line: its first line is another one then.
//!
//! The place is kept in the store and committed in one transaction with the counts up to it. After a crash at any
//! moment the next import goes on where the last commit was, and counts nothing twice; nothing is lost either, since
//! the file is still there. Lines that an interrupted import had rejected behind that place are rejected again.
//!
//! # How it works
//!
//! One thread reads (and decompresses) chunks of whole lines and deals them to the counting threads in turn. Each of
//! those keeps counts by endpoint and window, so memory grows with those and not with lines. When a second has
//! passed, or the counts have become many, the reading thread deals a seal to all; what they counted before it covers
//! the bytes since the last seal without a gap, and becomes one batch. Reading goes on while the store writes it.

mod address_hasher;
mod checkpoint;
mod chunk_reader;
mod committer;
mod dispatcher;
mod endpoints;
mod error;
mod follow;
mod input;
mod landmarks;
mod line;
mod options;
mod pipe;
mod pipeline;
mod progress;
mod recognition;
mod routes;
mod source;
mod summary;
mod tail;
mod tail_file;
mod tally;
mod trail;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::retry::Retry;
pub use address_hasher::AddressHasher;
use chunk_reader::LastLine;
use endpoint_stats_core::store::StatsStore;
use endpoints::Endpoints;
pub use error::{ImportError, ImportErrorKind};
pub use follow::follow;
use input::Input;
pub use line::{Line, LineFormat, LineParser, Request};
pub use options::ImportOptions;
use pipeline::{OnProgress, Pipeline};
pub use progress::{Progress, ProgressBar};
use recognition::Candidates;
pub use routes::RouteTemplates;
pub use source::Source;
pub use summary::{ImportSummary, RejectReason, RejectedLine};
use tokio::task::spawn_blocking;

/// Counts the lines of a log that were not counted before.
///
/// `on_progress` is told some times a second how far the import is.
///
/// # Errors
///
/// When the input cannot be opened or is no log (kind `Input`), reading fails halfway (`Read`), the store does
/// (`Store`), or another import counts the same input (`Conflict`). What was committed before stays counted, and the
/// next import goes on from there; see [`ImportError::summary`].
pub async fn import(
    source: Source,
    options: &ImportOptions,
    store: Arc<dyn StatsStore>,
    on_progress: OnProgress<'_>,
) -> Result<ImportSummary, ImportError> {
    let (format, patience) = (options.format.clone(), options.commit_every);
    let input = in_background(move || Input::open(&source, patience, &format)).await?;
    import_input(input, options, store, on_progress).await
}

async fn import_input(
    input: Input,
    options: &ImportOptions,
    store: Arc<dyn StatsStore>,
    on_progress: OnProgress<'_>,
) -> Result<ImportSummary, ImportError> {
    if input.is_empty() {
        return Ok(ImportSummary::default());
    }
    let name = input.name().to_owned();
    let (bytes_read, bytes_total) = input.progress();
    let retry = Retry::some_times();
    let candidates = Candidates::find(&*store, &retry, &options.service, input.first_line()).await?;
    let (stream, resumption) = in_background(move || input.resume(&candidates)).await?;
    let endpoints = Arc::new(Endpoints::new(options.service.clone(), options.routes.clone(), options.max_endpoints));
    let last_line = LastLine::Counts;
    let pipeline = Pipeline { options, store, endpoints, last_line, retry, bytes_read, bytes_total };
    pipeline.run(&name, stream, &resumption, on_progress).await
}

async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("opening and reading do not panic")
}
