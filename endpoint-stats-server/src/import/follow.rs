//! [`follow`]: counts a log while it is written.

use std::fs::File;
use std::future::Future;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::channel;

use endpoint_stats_core::store::StatsStore;
use tokio::time::interval;

use super::chunk_reader::LastLine;
use super::endpoints::Endpoints;
use super::input::{Head, is_packed};
use super::pipeline::{OnProgress, Pipeline};
use super::recognition::{Candidates, Resumption};
use super::tail_file::TailFile;
use super::{ImportError, ImportErrorKind, ImportOptions, ImportSummary, in_background};
use crate::retry::Retry;

/// Counts the lines of a file, and those that are added to it, until `shutdown` is there.
///
/// Follows the path, not the file, as `tail -F` does: when the file is renamed and another one created, or is cut off
/// and written anew, the old one is read to its end and then the new one from its start. A line counts when its line
/// feed is there. What was read is committed at least once in the options' `commit_every`, and all of it before this
/// returns. A store that cannot be reached is tried again without end, and after `shutdown` for five seconds; meanwhile
/// reading stops. That a file was cut off is not noticed when it has grown beyond its old length before the next look.
/// Of a file that was set back to an earlier state of itself, only what is added after it was opened counts.
///
/// # Errors
///
/// As [`import`](super::import); and when the file is compressed.
pub async fn follow(
    path: &Path,
    options: &ImportOptions,
    store: Arc<dyn StatsStore>,
    on_progress: OnProgress<'_>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<ImportSummary, ImportError> {
    let service = options.service.clone();
    let pipeline = Pipeline {
        options,
        store,
        endpoints: Arc::new(Endpoints::new(service, options.routes.clone(), options.max_endpoints)),
        last_line: LastLine::Waits,
        retry: Retry::without_end(),
        bytes_read: Arc::new(AtomicU64::new(0)),
        bytes_total: None,
    };
    File::open(path).map_err(|source| wrong(path, ImportErrorKind::Input).with_source(source))?;
    Follower { path, pipeline, on_progress, shutdown: pin!(shutdown), summary: ImportSummary::default() }.run().await
}

struct Follower<'a, S> {
    path: &'a Path,
    pipeline: Pipeline<'a>,
    on_progress: OnProgress<'a>,
    shutdown: Pin<&'a mut S>,
    summary: ImportSummary,
}

impl<S: Future<Output = ()> + Send> Follower<'_, S> {
    async fn run(mut self) -> Result<ImportSummary, ImportError> {
        while let Some((file, first_line)) = self.wait_for_file().await? {
            let is_shut_down = self.follow_file(file, &first_line).await?;
            if is_shut_down {
                break;
            }
        }
        Ok(self.summary)
    }

    /// Waits until there is a file with a whole line at the path; `None` when shut down before.
    async fn wait_for_file(&mut self) -> Result<Option<(File, Vec<u8>)>, ImportError> {
        let mut polls = interval(self.pipeline.options.poll_every);
        loop {
            tokio::select! {
                _ = polls.tick() => {}
                () = &mut self.shutdown => return Ok(None),
            }
            let path = self.path.to_owned();
            if let Some(found) = in_background(move || open(&path)).await? {
                return Ok(Some(found));
            }
        }
    }

    /// Counts a file until another one takes its place; true when shut down before.
    async fn follow_file(&mut self, mut file: File, first_line: &[u8]) -> Result<bool, ImportError> {
        let service = &self.pipeline.options.service;
        let Pipeline { store, retry, .. } = &self.pipeline;
        let candidates = tokio::select! {
            candidates = Candidates::find(&**store, retry, service, first_line) => candidates?,
            () = &mut self.shutdown => return Ok(true),
        };
        let path = self.path.to_owned();
        let (file, resumption) = in_background(move || {
            let resumption = candidates.match_file(&mut file)?;
            file.seek(SeekFrom::Start(resumption.position.offset()))?;
            Ok((file, resumption))
        })
        .await
        .map_err(|source: std::io::Error| wrong(&path, ImportErrorKind::Read).with_source(source))?;
        self.follow_from(file, &resumption).await
    }

    async fn follow_from(&mut self, file: File, resumption: &Resumption) -> Result<bool, ImportError> {
        let (stop, stopped) = channel();
        let tail = TailFile::new(file, self.path.to_owned(), stopped, self.pipeline.options.poll_every);
        let name = self.path.display().to_string();
        let mut run = pin!(self.pipeline.run(&name, Box::new(tail), resumption, &mut *self.on_progress));
        let (summary, is_shut_down) = tokio::select! {
            summary = &mut run => (summary, false),
            () = &mut self.shutdown => {
                drop(stop);
                self.pipeline.retry.hurry();
                (run.await, true)
            }
        };
        self.summary.merge(&summary?);
        Ok(is_shut_down)
    }
}

/// Opens a file and reads its first line; `None` when it is not there yet.
fn open(path: &Path) -> Result<Option<(File, Vec<u8>)>, ImportError> {
    let Ok(mut file) = File::open(path) else {
        return Ok(None);
    };
    let head = Head::of(&mut file);
    if is_packed(head.first_line()) {
        return Err(wrong(path, ImportErrorKind::Input).with_source("it is compressed"));
    }
    let found = head.has_whole_line().then(|| (file, head.first_line().to_owned()));
    match head.into_error() {
        Some(source) => Err(wrong(path, ImportErrorKind::Input).with_source(source)),
        None => Ok(found),
    }
}

fn wrong(path: &Path, kind: ImportErrorKind) -> ImportError {
    ImportError::new(kind, format!("follow {}", path.display()))
}
