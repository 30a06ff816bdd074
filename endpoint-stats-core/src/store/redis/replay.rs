//! [`Replay`]: acknowledged batches of the last moments, for a Redis that loses them.
//!
//! Redis acknowledges what it has in memory. After a failover, a restart with an older file or `FLUSHALL` it has a shorter
//! past than it told, and answers the next batch of a writer with a gap. What is kept here fills it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::apply::Taking;
use crate::store::WriterId;

/// Batches that are kept of each writer: a flusher sends one a second.
const KEPT: usize = 16;

/// Bytes that are kept of all writers together.
const MOST_BYTES: usize = 8 << 20;

#[derive(Debug, Default)]
pub(super) struct Replay {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_writer: HashMap<WriterId, VecDeque<Taking>>,
    // The order in which they came.
    order: VecDeque<WriterId>,
    bytes: usize,
}

impl Replay {
    /// Keeps a batch that was acknowledged, once.
    pub(super) fn keep(&self, taking: Taking) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = taking.writer;
        let newest = kept.by_writer.get(&writer).and_then(VecDeque::back);
        if newest.is_some_and(|newest| newest.seq >= taking.seq) {
            return;
        }
        kept.bytes += taking.bytes();
        kept.order.push_back(writer);
        kept.by_writer.entry(writer).or_default().push_back(taking);
        if kept.by_writer.get(&writer).is_some_and(|batches| batches.len() > KEPT) {
            kept.forget_of(writer);
        }
        while kept.bytes > MOST_BYTES && kept.order.len() > 1 {
            match kept.order.front().copied() {
                Some(oldest) => kept.forget_of(oldest),
                None => break,
            }
        }
    }

    /// The batches of a writer that were acknowledged after one and before another, oldest first.
    pub(super) fn between(&self, writer: WriterId, after: u64, before: u64) -> Vec<Taking> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let batches = kept.by_writer.get(&writer).into_iter().flatten();
        batches.filter(|batch| batch.seq > after && batch.seq < before).cloned().collect()
    }
}

impl Kept {
    fn forget_of(&mut self, writer: WriterId) {
        let Some(batches) = self.by_writer.get_mut(&writer) else { return };
        if let Some(oldest) = batches.pop_front() {
            self.bytes -= oldest.bytes();
        }
        if batches.is_empty() {
            self.by_writer.remove(&writer);
        }
        if let Some(at) = self.order.iter().position(|known| *known == writer) {
            self.order.remove(at);
        }
    }
}

/// Batches of a writer that cannot follow its past, as the first ones of another.
///
/// Those with a checkpoint are left out: who keeps one goes back to it, and writes them again.
pub(super) fn inherited(batches: Vec<Taking>) -> Vec<Taking> {
    let mut left: Vec<_> = batches.into_iter().filter(|batch| !batch.has_checkpoint()).collect();
    if let Some((writer, first)) = left.first().map(|batch| (batch.writer, batch.seq)) {
        let heir = heir_of(writer, first);
        for (seq, batch) in (1..).zip(&mut left) {
            (batch.writer, batch.seq) = (heir, seq);
        }
    }
    left
}

/// Always the same writer for the same batches, so that they count once.
fn heir_of(writer: WriterId, first: u64) -> WriterId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"endpoint-stats replay").update(writer.as_bytes()).update(&first.to_le_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    WriterId::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Batch;

    fn taking(writer: WriterId, seq: u64, bytes: usize) -> Taking {
        Taking::of(&Batch::new(writer, seq, Vec::new()).with_checkpoint(vec![0; bytes]))
    }

    fn seqs(batches: &[Taking]) -> Vec<u64> {
        batches.iter().map(|batch| batch.seq).collect()
    }

    #[test]
    fn the_last_batches_of_each_writer_are_kept() {
        let (replay, a, b) = (Replay::default(), WriterId::random(), WriterId::random());
        for seq in 1..=20 {
            replay.keep(taking(a, seq, 10));
        }
        replay.keep(taking(b, 1, 10));

        assert_eq!(seqs(&replay.between(a, 0, 100)), (5..=20).collect::<Vec<_>>());
        assert_eq!(seqs(&replay.between(a, 17, 20)), [18, 19]);
        assert_eq!(seqs(&replay.between(b, 0, 100)), [1]);
    }

    #[test]
    fn the_oldest_of_all_go_when_there_are_too_many_bytes() {
        let (replay, a, b) = (Replay::default(), WriterId::random(), WriterId::random());
        replay.keep(taking(a, 1, 10));
        for seq in 1..=3 {
            replay.keep(taking(b, seq, MOST_BYTES / 3));
        }

        assert!(replay.between(a, 0, 100).is_empty());
        assert_eq!(seqs(&replay.between(b, 0, 100)), [2, 3]);
    }

    #[test]
    fn what_is_inherited_is_numbered_without_a_gap_and_has_no_checkpoint() {
        let writer = WriterId::random();
        let plain = |seq| Taking::of(&Batch::new(writer, seq, Vec::new()));

        let inherited = inherited(vec![plain(7), taking(writer, 8, 10), plain(9)]);

        assert_eq!(seqs(&inherited), [1, 2]);
        assert!(inherited.iter().all(|batch| batch.writer == heir_of(writer, 7) && !batch.has_checkpoint()));
    }

    #[test]
    fn an_heir_is_the_same_for_the_same_batches_and_no_other() {
        let writer = WriterId::random();

        assert_eq!(heir_of(writer, 3), heir_of(writer, 3));
        assert_ne!(heir_of(writer, 3), heir_of(writer, 4));
        assert_ne!(heir_of(writer, 3), heir_of(WriterId::random(), 3));
    }
}
