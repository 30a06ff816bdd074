//! [`Spooled`]: batches that are on the disk before they are sent.

use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use super::condition::Condition;
use super::outbox::{DiskAnswer, Written};
use super::pending::Pending;
use super::sender::{Sender, Verdict};
use super::spool::{Conclusion, Disk, Folder, Half, Head, Journal, Step, WhenFull};
use crate::aggregate::Delta;
use crate::sketch::capped_sum;
use crate::store::{Applied, Batch, StoreError, StoreErrorKind};

/// Batches that are on the disk before they are sent.
///
/// The disk is worked on by one [`Step`] at a time, in a thread that may block. Should one panic, what is on the disk waits for the
/// next run, and new hits go by way of memory.
#[derive(Debug)]
pub(super) struct Spooled<D: Disk = Folder> {
    when_full: WhenFull,
    // Away while a step works on it, and for good when that panicked.
    journal: Option<Journal<D>>,
    step: Option<JoinHandle<(Journal<D>, Step)>>,
    head: Option<Head>,
    conclusion: Option<Conclusion>,
    // Hits that a step is writing.
    sealing: u64,
    waiting: Waiting,
    // Instead of a journal that is gone for good.
    by_memory: Option<Sender>,
    condition: Condition,
}

/// Hits of the batches that wait.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    on_disk: u64,
    in_memory: u64,
}

// === impl Spooled ===

impl<D: Disk> Spooled<D> {
    pub(super) fn new(journal: Journal<D>, when_full: WhenFull, damages: u64) -> Self {
        Self {
            when_full,
            step: None,
            head: None,
            conclusion: None,
            sealing: 0,
            waiting: Waiting::of(&journal),
            by_memory: None,
            condition: Condition::new(journal.bytes(), journal.max_bytes(), damages),
            journal: Some(journal),
        }
    }

    /// The batch to send, as soon as it has been read.
    pub(super) fn next(&mut self, pending: &mut Pending, max: usize) -> Option<Arc<Batch>> {
        match (&self.head, &mut self.by_memory) {
            (Some(head), _) => Some(Arc::clone(&head.batch)),
            (None, Some(sender)) => sender.next(pending, max),
            (None, None) => None,
        }
    }

    pub(super) fn judge(&mut self, answer: &Result<Applied, StoreError>) -> Verdict {
        match (self.head.take(), &mut self.by_memory) {
            (Some(head), None) => self.judge_head(head, answer),
            (Some(head), Some(_)) => self.judge_last_head(head, answer),
            (None, Some(sender)) => sender.judge(answer),
            (None, None) => Verdict::Failed,
        }
    }

    fn judge_head(&mut self, head: Head, answer: &Result<Applied, StoreError>) -> Verdict {
        let (verdict, conclusion) = match answer {
            Ok(Applied::Applied | Applied::Duplicate) => (head.stored(), Conclusion::Done),
            Ok(Applied::Gap { .. }) => (Verdict::Renamed, Conclusion::Rename),
            Err(error) => match error.kind() {
                StoreErrorKind::Conflict => (Verdict::Renamed, Conclusion::Rename),
                StoreErrorKind::Rejected => refused(&head.batch),
                StoreErrorKind::Unavailable | StoreErrorKind::Corrupt => {
                    self.head = Some(head);
                    return Verdict::Failed;
                }
            },
        };
        if matches!(conclusion, Conclusion::Done) {
            self.waiting.subtract(&head);
        }
        self.conclusion = Some(conclusion);
        verdict
    }

    /// Without a journal, no name can be changed: a batch that needs another one waits for the next run, if it is on the disk.
    fn judge_last_head(&mut self, head: Head, answer: &Result<Applied, StoreError>) -> Verdict {
        let is_retried = answer
            .as_ref()
            .is_err_and(|error| matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Corrupt));
        if is_retried {
            self.head = Some(head);
            return Verdict::Failed;
        }
        let is_stored = matches!(answer, Ok(Applied::Applied | Applied::Duplicate));
        if !is_stored && !head.is_in_memory {
            return Verdict::Failed;
        }
        self.waiting.subtract(&head);
        if is_stored { head.stored() } else { Verdict::Dropped(head.batch) }
    }

    /// Begins a step if nothing is being written and there is something to do.
    ///
    /// Where new batches are not to be sealed, hits are taken only to be sent from memory, when nothing else waits.
    pub(super) fn write_down(&mut self, pending: &mut Pending, max: usize, may_seal: bool) {
        let takes = (may_seal || self.waiting.is_empty()) && !pending.is_empty();
        let wants_head = self.head.is_none();
        let has_more = self.conclusion.is_some() || !self.waiting.is_empty();
        let has_work = takes || (wants_head && has_more);
        if !has_work {
            return;
        }
        let Some(mut journal) = self.journal.take() else { return };
        let deltas = if takes { pending.take(max) } else { Vec::new() };
        self.sealing = hits_of(&deltas);
        let mut step = Step { conclusion: self.conclusion.take(), deltas, may_seal, ..Step::default() };
        let when_full = self.when_full;
        self.step = Some(spawn_blocking(move || {
            step.run(&mut journal, wants_head, when_full);
            (journal, step)
        }));
    }

    /// Takes in what a step did; for ever, if there is none.
    pub(super) async fn written(&mut self, pending: &mut Pending) -> Written {
        let Some(step) = &mut self.step else { return std::future::pending().await };
        let ended = step.await;
        self.step = None;
        let Ok((journal, step)) = ended else { return self.go_on_by_memory() };
        self.sealing = 0;
        // The answer to the batch under way may have come while the step ran.
        self.conclusion = self.conclusion.take().or(step.conclusion);
        self.head = step.head.or(self.head.take());
        let front = journal.front_entry();
        if let (Some(head), Some(front)) = (&mut self.head, front) {
            head.is_in_memory = front.place.is_in_memory();
        }
        self.waiting = Waiting::of(&journal);
        if let (Some(Conclusion::Done), Some(front)) = (&self.conclusion, front) {
            self.waiting.subtract_hits(front.hits, front.place.is_in_memory());
        }
        let is_unsure = self.waiting.in_memory > 0;
        self.condition.update(journal.bytes(), if is_unsure { Some(DiskAnswer::Refused) } else { step.written.disk });
        self.journal = Some(journal);
        pending.add(step.deltas);
        step.written
    }

    /// What a step had in its hands when it panicked is lost, but for what it had written already: the next run finds that.
    fn go_on_by_memory(&mut self) -> Written {
        let under_way = self.head.as_ref().filter(|head| head.is_in_memory).map_or(0, |head| head.batch.hits());
        let lost = capped_sum(self.sealing, self.waiting.in_memory.saturating_sub(under_way));
        tracing::error!(
            lost,
            on_disk = self.waiting.on_disk,
            "the spool panicked: what is on the disk waits for the next run, and new hits are kept in memory"
        );
        self.sealing = 0;
        self.waiting.in_memory = under_way;
        self.by_memory = Some(Sender::new());
        self.condition.give_up();
        Written { dropped_unreadable: lost, ..Written::default() }
    }

    /// How the disk is, as of the last step.
    pub(super) fn condition(&self) -> Condition {
        self.condition
    }

    pub(super) fn hits_in_memory(&self) -> u64 {
        let by_memory = self.by_memory.as_ref().map_or(0, Sender::hits);
        [self.waiting.in_memory, self.sealing, by_memory].into_iter().fold(0, capped_sum)
    }

    pub(super) fn hits_on_disk(&self) -> u64 {
        self.waiting.on_disk
    }

    /// Whether there is nothing that this run can still send.
    pub(super) fn is_empty(&self) -> bool {
        match &self.by_memory {
            Some(sender) => self.head.is_none() && sender.is_empty(),
            None => self.step.is_none() && self.conclusion.is_none() && self.head.is_none() && self.waiting.is_empty(),
        }
    }
}

/// A batch that the store will never take is sent in halves, until a delta is alone.
fn refused(batch: &Arc<Batch>) -> (Verdict, Conclusion) {
    let len = batch.deltas.len() / 2;
    if len == 0 {
        return (Verdict::Dropped(Arc::clone(batch)), Conclusion::Done);
    }
    (Verdict::Halved, Conclusion::Halve(Half { len: len as u64, hits: hits_of(&batch.deltas[..len]) }))
}

fn hits_of(deltas: &[Delta]) -> u64 {
    deltas.iter().fold(0, |sum, delta| capped_sum(sum, delta.counts.hits()))
}

// === impl Waiting ===

impl Waiting {
    fn of<D: Disk>(journal: &Journal<D>) -> Self {
        Self { on_disk: journal.hits(), in_memory: journal.hits_in_memory() }
    }

    fn subtract(&mut self, head: &Head) {
        self.subtract_hits(head.batch.hits(), head.is_in_memory);
    }

    fn subtract_hits(&mut self, hits: u64, is_in_memory: bool) {
        let waiting = if is_in_memory { &mut self.in_memory } else { &mut self.on_disk };
        *waiting = waiting.saturating_sub(hits);
    }

    fn is_empty(self) -> bool {
        self.on_disk == 0 && self.in_memory == 0
    }
}

#[cfg(test)]
mod tests;
