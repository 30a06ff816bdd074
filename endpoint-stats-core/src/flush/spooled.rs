//! [`Spooled`]: batches that are on the disk before they are sent.

use std::io;
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use super::condition::Condition;
use super::outbox::Written;
use super::pending::Pending;
use super::sender::Verdict;
use super::spool::{Folder, Journal, NotSealed, Spool, WhenFull};
use crate::aggregate::Delta;
use crate::sketch::capped_sum;
use crate::store::{Applied, Batch, StoreError, StoreErrorKind};

/// Batches that are on the disk before they are sent.
///
/// The disk is worked on by one step at a time, in a thread that may block: it writes down what became of the last batch and
/// what is pending, and reads the batch that is next.
#[derive(Debug)]
pub(super) struct Spooled {
    when_full: WhenFull,
    // Away while a step works on it.
    journal: Option<Journal<Folder>>,
    step: Option<JoinHandle<(Journal<Folder>, Done)>>,
    head: Option<Head>,
    conclusion: Option<Conclusion>,
    // Stored or dropped, and still among those that wait for all the journal knows.
    settled: Option<Head>,
    // Hits that a step is writing.
    sealing: u64,
    waiting: Waiting,
    condition: Condition,
}

/// The batch that is next.
#[derive(Clone, Debug)]
struct Head {
    batch: Arc<Batch>,
    is_in_memory: bool,
    is_found: bool,
}

/// Hits of the batches that wait.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    on_disk: u64,
    in_memory: u64,
}

/// What is to be done with the batch that is next, before anything else.
#[derive(Debug)]
enum Conclusion {
    Done,
    Rename,
    Splice(Vec<Vec<Delta>>),
}

/// What a step did.
#[derive(Debug, Default)]
struct Done {
    head: Option<Head>,
    /// What has to be done again.
    conclusion: Option<Conclusion>,
    /// What was not taken.
    returned: Vec<Delta>,
    /// Whether a batch was made the journal's.
    has_sealed: bool,
    written: Written,
}

// === impl Spooled ===

impl Spooled {
    pub(super) fn new(spool: Spool) -> Self {
        let damages = spool.found().damages;
        let (journal, when_full) = spool.into_parts();
        Self {
            when_full,
            step: None,
            head: None,
            conclusion: None,
            settled: None,
            sealing: 0,
            waiting: Waiting::of(&journal),
            condition: Condition::new(journal.bytes(), journal.max_bytes(), damages),
            journal: Some(journal),
        }
    }

    /// The batch to send, as soon as it has been read.
    pub(super) fn head(&self) -> Option<Arc<Batch>> {
        self.head.as_ref().map(|head| Arc::clone(&head.batch))
    }

    pub(super) fn judge(&mut self, answer: &Result<Applied, StoreError>) -> Verdict {
        let Some(head) = self.head.take() else { return Verdict::Failed };
        let (verdict, conclusion) = match answer {
            Ok(Applied::Applied | Applied::Duplicate) => {
                (Verdict::Stored { batch: head.batch.clone(), is_own: !head.is_found }, Conclusion::Done)
            }
            Ok(Applied::Gap { .. }) => (Verdict::Renamed, Conclusion::Rename),
            Err(error) => match error.kind() {
                StoreErrorKind::Conflict => (Verdict::Renamed, Conclusion::Rename),
                StoreErrorKind::Rejected => halve(&head.batch),
                StoreErrorKind::Unavailable | StoreErrorKind::Corrupt => {
                    self.head = Some(head);
                    return Verdict::Failed;
                }
            },
        };
        if matches!(verdict, Verdict::Stored { .. } | Verdict::Dropped(_)) {
            self.waiting.subtract(&head);
            self.settled = Some(head);
        }
        self.conclusion = Some(conclusion);
        verdict
    }

    /// Begins a step if nothing is being written and there is something to do.
    pub(super) fn write_down(&mut self, pending: &mut Pending, max: usize) {
        let wants_head = self.head.is_none() && (self.conclusion.is_some() || !self.waiting.is_empty());
        if pending.is_empty() && !wants_head {
            return;
        }
        let Some(mut journal) = self.journal.take() else { return };
        let deltas = pending.take(max);
        self.sealing = hits_of(&deltas);
        let (conclusion, wants_head, when_full) = (self.conclusion.take(), self.head.is_none(), self.when_full);
        self.step = Some(spawn_blocking(move || {
            let done = step(&mut journal, conclusion, deltas, wants_head, when_full);
            (journal, done)
        }));
    }

    /// Takes in what a step did; for ever, if there is none.
    pub(super) async fn written(&mut self, pending: &mut Pending) -> Written {
        let Some(step) = &mut self.step else { return std::future::pending().await };
        let ended = step.await;
        self.step = None;
        self.sealing = 0;
        let Ok((journal, done)) = ended else {
            tracing::error!("the spool panicked, and is given up: hits stay in memory");
            self.condition.give_up();
            return Written { failed: true, ..Written::default() };
        };
        // One that was drawn while this step was under way is for the next.
        self.conclusion = done.conclusion.or(self.conclusion.take());
        if self.conclusion.is_none() {
            self.settled = None;
        }
        self.waiting = Waiting::of(&journal);
        if let Some(head) = &self.settled {
            self.waiting.subtract(head);
        }
        let has_refused = done.written.failed || self.waiting.in_memory > 0;
        self.condition.update(journal.bytes(), has_refused, done.has_sealed);
        self.journal = Some(journal);
        if done.head.is_some() {
            self.head = done.head;
        }
        pending.add(done.returned);
        done.written
    }

    pub(super) fn hits_in_memory(&self) -> u64 {
        capped_sum(self.waiting.in_memory, self.sealing)
    }

    pub(super) fn hits_on_disk(&self) -> u64 {
        self.waiting.on_disk
    }

    /// How the disk is, as of the last step.
    pub(super) fn condition(&self) -> Condition {
        self.condition
    }

    pub(super) fn is_empty(&self) -> bool {
        self.step.is_none() && self.conclusion.is_none() && self.head.is_none() && self.waiting.is_empty()
    }
}

fn halve(batch: &Batch) -> (Verdict, Conclusion) {
    let mut first = batch.deltas.clone();
    if first.len() <= 1 {
        return (Verdict::Dropped(Arc::new(batch.clone())), Conclusion::Splice(Vec::new()));
    }
    let second = first.split_off(first.len() / 2);
    (Verdict::Halved, Conclusion::Splice(vec![first, second]))
}

fn hits_of(deltas: &[Delta]) -> u64 {
    deltas.iter().fold(0, |sum, delta| capped_sum(sum, delta.counts.hits()))
}

/// Works on the disk.
fn step(
    journal: &mut Journal<Folder>,
    conclusion: Option<Conclusion>,
    deltas: Vec<Delta>,
    wants_head: bool,
    when_full: WhenFull,
) -> Done {
    let mut done = Done::default();
    if let Some(conclusion) = conclusion
        && let Err((error, again)) = conclude(journal, conclusion)
    {
        tracing::error!(%error, "the disk of the spool does not take what became of a batch");
        done.conclusion = Some(again);
        done.written.failed = true;
    }
    if !deltas.is_empty() {
        done.returned = seal(journal, deltas, when_full, &mut done.written);
        done.has_sealed = done.returned.is_empty();
    }
    if wants_head && done.conclusion.is_none() {
        done.head = front(journal, &mut done.written);
    }
    done
}

fn conclude(journal: &mut Journal<Folder>, conclusion: Conclusion) -> Result<(), (io::Error, Conclusion)> {
    match conclusion {
        Conclusion::Done => {
            journal.done();
            Ok(())
        }
        Conclusion::Rename => journal.rename().map_err(|error| (error, Conclusion::Rename)),
        Conclusion::Splice(parts) => journal.splice(parts.clone()).map_err(|error| (error, Conclusion::Splice(parts))),
    }
}

/// Writes a batch; returns what the disk does not take, unless that is all there is: then it is sent from memory.
fn seal(journal: &mut Journal<Folder>, deltas: Vec<Delta>, when_full: WhenFull, written: &mut Written) -> Vec<Delta> {
    let Err((mut why, mut deltas)) = journal.seal(deltas) else { return Vec::new() };
    if matches!((&why, when_full), (NotSealed::Full, WhenFull::DropOldest))
        && let Ok(lost) = journal.drop_oldest()
    {
        written.dropped_full = capped_sum(written.dropped_full, lost);
        match journal.seal(deltas) {
            Ok(()) => return Vec::new(),
            Err(again) => (why, deltas) = again,
        }
    }
    if let NotSealed::Failed(error) = &why {
        tracing::warn!(%error, "the disk of the spool takes no batch; hits stay in memory");
        written.failed = true;
    }
    if journal.is_empty() {
        journal.keep(deltas);
        return Vec::new();
    }
    deltas
}

/// Reads the batch that is next; one that cannot be read any more is given up.
fn front(journal: &mut Journal<Folder>, written: &mut Written) -> Option<Head> {
    loop {
        match journal.front() {
            Ok(batch) => {
                let entry = journal.front_entry()?;
                let (is_in_memory, is_found) = (entry.place.is_in_memory(), entry.is_found);
                return batch.map(|batch| Head { batch, is_in_memory, is_found });
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let hits = journal.front_entry().map_or(0, |entry| entry.hits);
                tracing::error!(%error, hits, "hits dropped");
                if journal.splice(Vec::new()).is_err() {
                    written.failed = true;
                    return None;
                }
                written.dropped_unreadable = capped_sum(written.dropped_unreadable, hits);
            }
            Err(error) => {
                tracing::warn!(%error, "the disk of the spool gives no batch");
                written.failed = true;
                return None;
            }
        }
    }
}

// === impl Waiting ===

impl Waiting {
    fn of(journal: &Journal<Folder>) -> Self {
        Self { on_disk: journal.hits(), in_memory: journal.hits_in_memory() }
    }

    fn subtract(&mut self, head: &Head) {
        let hits = if head.is_in_memory { &mut self.in_memory } else { &mut self.on_disk };
        *hits = hits.saturating_sub(head.batch.hits());
    }

    fn is_empty(self) -> bool {
        self.on_disk == 0 && self.in_memory == 0
    }
}
