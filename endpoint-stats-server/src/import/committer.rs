//! [`Committer`]: turns what the workers counted into batches, and brings them to the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use endpoint_stats_core::store::{Applied, Batch, StatsStore, StoreErrorKind, WriterId};
use endpoint_stats_core::window::Width;

use super::checkpoint::Checkpoint;
use super::endpoints::Endpoints;
use super::recognition::Resumption;
use super::tally::Tally;
use super::worker::{Part, Seal};
use super::{ImportError, ImportErrorKind, ImportSummary};
use crate::retry::Retry;

/// Turns what the workers counted into batches, and brings them to the store in order.
#[derive(Debug)]
pub(super) struct Committer {
    store: Arc<dyn StatsStore>,
    endpoints: Arc<Endpoints>,
    width: Width,
    retry: Retry,
    writer: WriterId,
    last_seq: u64,
    offset: u64,
    lines: u64,
    summary: ImportSummary,
    waiting: BTreeMap<u64, Vec<Tally>>,
    workers: usize,
    has_ended: bool,
}

impl Committer {
    /// Goes on where an earlier import of the stream ended.
    pub(super) fn new(
        store: Arc<dyn StatsStore>,
        endpoints: Arc<Endpoints>,
        width: Width,
        retry: Retry,
        resumption: &Resumption,
        workers: usize,
    ) -> Self {
        let position = &resumption.position;
        Self {
            store,
            endpoints,
            width,
            retry,
            writer: resumption.writer,
            last_seq: resumption.last_seq,
            offset: position.offset(),
            lines: position.lines,
            summary: ImportSummary { already_counted: position.lines, ..ImportSummary::default() },
            waiting: BTreeMap::new(),
            workers,
            has_ended: false,
        }
    }

    /// Takes what one worker counted, and commits it when it has that of the others.
    pub(super) async fn take(&mut self, part: Part) -> Result<(), ImportError> {
        let waiting = self.waiting.entry(part.seal.number).or_default();
        waiting.push(part.tally);
        if waiting.len() < self.workers {
            return Ok(());
        }
        let tallies = self.waiting.remove(&part.seal.number).unwrap_or_default();
        let merged = tallies.into_iter().reduce(|mut all, tally| {
            all.merge(tally);
            all
        });
        self.commit(&part.seal, merged.unwrap_or_default()).await
    }

    /// Whether the stream was committed to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// What was committed.
    pub(super) fn into_summary(self) -> ImportSummary {
        self.summary
    }

    /// Commits what was counted up to a place in the stream.
    ///
    /// A stream of which no line was ever counted leaves no trace, so that it can be imported again in another format.
    async fn commit(&mut self, seal: &Seal, mut tally: Tally) -> Result<(), ImportError> {
        let (lines, mut summary) = tally.summary(&self.endpoints, self.lines);
        summary.bytes = seal.trail.offset - self.offset;
        let checkpoint = Checkpoint::new(&seal.trail, self.lines + lines);
        let deltas = tally.into_deltas(&self.endpoints, self.width);
        if summary.bytes > 0 && (self.last_seq > 0 || !deltas.is_empty()) {
            let batch = Batch::new(self.writer, self.last_seq + 1, deltas).with_checkpoint(checkpoint.encode());
            self.apply(&batch).await?;
            self.last_seq += 1;
        }
        self.offset = seal.trail.offset;
        self.lines += lines;
        self.summary.merge(&summary);
        self.has_ended = seal.is_last;
        Ok(())
    }

    /// Applies a batch; the same one again while nobody knows whether the store took it.
    async fn apply(&self, batch: &Batch) -> Result<(), ImportError> {
        let mut is_first = true;
        let answer = self.retry.until_answered(|tries| {
            is_first = tries == 0;
            self.store.apply(batch)
        });
        match answer.await {
            Ok(Applied::Applied) => Ok(()),
            Ok(Applied::Duplicate) if !is_first => Ok(()),
            Ok(Applied::Duplicate | Applied::Gap { .. }) => Err(conflict()),
            Err(error) if error.kind() == StoreErrorKind::Conflict => Err(conflict().with_source(error)),
            Err(error) => Err(ImportError::new(ImportErrorKind::Store, "write to the store").with_source(error)),
        }
    }
}

fn conflict() -> ImportError {
    ImportError::new(ImportErrorKind::Conflict, "go on: another import counts the same input at this moment")
}
