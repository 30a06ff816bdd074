//! [`Step`]: what is done on the disk in one go.

use std::io;
use std::sync::Arc;

use super::WhenFull;
use super::disk::Disk;
use super::journal::{Journal, NotSealed};
use super::record::Half;
use crate::aggregate::Delta;
use crate::flush::outbox::{DiskAnswer, Written};
use crate::flush::sender::Verdict;
use crate::sketch::capped_sum;
use crate::store::Batch;

/// What is done on the disk in one go: first what became of the last batch, then what is pending, then the next batch is read.
///
/// Afterwards it holds what could not be done.
#[derive(Debug, Default)]
pub(in crate::flush) struct Step {
    /// What is to be done with the batch that is next, before anything else.
    pub(in crate::flush) conclusion: Option<Conclusion>,
    /// What is to be sealed.
    pub(in crate::flush) deltas: Vec<Delta>,
    /// Whether the disk is asked to take it.
    pub(in crate::flush) may_seal: bool,
    /// The batch that is next, as it was read.
    pub(in crate::flush) head: Option<Head>,
    pub(in crate::flush) written: Written,
}

/// The batch that is next.
#[derive(Clone, Debug)]
pub(in crate::flush) struct Head {
    pub(in crate::flush) batch: Arc<Batch>,
    pub(in crate::flush) is_in_memory: bool,
    pub(in crate::flush) is_found: bool,
}

/// What is to be done with the batch that is next.
#[derive(Clone, Copy, Debug)]
pub(in crate::flush) enum Conclusion {
    Done,
    Rename,
    Halve(Half),
}

// === impl Head ===

impl Head {
    pub(in crate::flush) fn stored(&self) -> Verdict {
        Verdict::Stored { batch: Arc::clone(&self.batch), is_own: !self.is_found }
    }
}

// === impl Step ===

impl Step {
    pub(in crate::flush) fn run<D: Disk>(&mut self, journal: &mut Journal<D>, wants_head: bool, when_full: WhenFull) {
        if let Some(conclusion) = self.conclusion {
            if let Err(error) = conclude(journal, conclusion) {
                tracing::error!(%error, "the disk of the spool does not take what became of a batch");
                (self.written.failed, self.written.disk) = (true, Some(DiskAnswer::Refused));
                return;
            }
            self.conclusion = None;
        }
        let deltas = std::mem::take(&mut self.deltas);
        if !deltas.is_empty() {
            self.deltas = self.take(journal, deltas, when_full);
        }
        if wants_head {
            self.head = self.front(journal);
        }
    }

    /// Seals deltas; returns what the disk does not take, unless that is all there is: then it is sent from memory.
    fn take<D: Disk>(&mut self, journal: &mut Journal<D>, deltas: Vec<Delta>, when_full: WhenFull) -> Vec<Delta> {
        let left = if self.may_seal { self.seal(journal, deltas, when_full) } else { deltas };
        if left.is_empty() || !journal.is_empty() {
            return left;
        }
        journal.keep(left);
        Vec::new()
    }

    fn seal<D: Disk>(&mut self, journal: &mut Journal<D>, mut deltas: Vec<Delta>, when_full: WhenFull) -> Vec<Delta> {
        loop {
            let Err((why, refused)) = journal.seal(deltas) else {
                self.written.disk.get_or_insert(DiskAnswer::TookBatch);
                return Vec::new();
            };
            deltas = refused;
            match why {
                NotSealed::TooLarge if deltas.len() > 1 => {
                    let second = deltas.split_off(deltas.len() / 2);
                    let mut left = self.seal(journal, deltas, when_full);
                    left.extend(self.seal(journal, second, when_full));
                    return left;
                }
                NotSealed::Full if when_full == WhenFull::DropOldest && self.drop_oldest(journal) => continue,
                NotSealed::Full | NotSealed::TooLarge => {}
                NotSealed::Failed(error) => {
                    tracing::warn!(%error, "the disk of the spool takes no batch; hits stay in memory");
                    self.written.disk = Some(DiskAnswer::Refused);
                }
            }
            self.written.took_none = true;
            return deltas;
        }
    }

    /// Whether there is more room than before.
    fn drop_oldest<D: Disk>(&mut self, journal: &mut Journal<D>) -> bool {
        match journal.drop_oldest() {
            Ok(Some(lost)) => {
                tracing::error!(hits = lost, "the spool is full: its oldest hits are dropped for newer ones");
                self.written.dropped_full = capped_sum(self.written.dropped_full, lost);
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(%error, "the oldest file of the spool cannot be removed");
                false
            }
        }
    }

    /// Reads the batch that is next; one that cannot be read any more is given up.
    fn front<D: Disk>(&mut self, journal: &mut Journal<D>) -> Option<Head> {
        loop {
            let entry = journal.front_entry().copied()?;
            match journal.front() {
                Ok(batch) => {
                    let (is_in_memory, is_found) = (entry.place.is_in_memory(), entry.is_found);
                    return batch.map(|batch| Head { batch, is_in_memory, is_found });
                }
                Err(error) if is_lost(&error) => {
                    tracing::error!(%error, hits = entry.hits, "a batch of the spool is gone: hits dropped");
                    self.written.dropped_unreadable = capped_sum(self.written.dropped_unreadable, entry.hits);
                    journal.done();
                }
                Err(error) => {
                    tracing::warn!(%error, "the disk of the spool gives no batch");
                    (self.written.failed, self.written.disk) = (true, Some(DiskAnswer::Refused));
                    return None;
                }
            }
        }
    }
}

fn conclude<D: Disk>(journal: &mut Journal<D>, conclusion: Conclusion) -> io::Result<()> {
    match conclusion {
        Conclusion::Done => {
            journal.done();
            Ok(())
        }
        Conclusion::Rename => journal.rename(),
        Conclusion::Halve(first) => journal.halve(first),
    }
}

/// Whether reading again gives nothing else: somebody removed or changed what was written.
fn is_lost(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
}
