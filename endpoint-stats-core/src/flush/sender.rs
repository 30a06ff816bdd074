//! [`Sender`]: what to send next, and what an answer means; no clock, no I/O.

use std::collections::VecDeque;
use std::sync::Arc;

use super::pending::Pending;
use crate::aggregate::Delta;
use crate::sketch::capped_sum;
use crate::store::{Applied, Batch, StoreError, StoreErrorKind, WriterId};

/// Numbers batches, and keeps the one under way until the store has acknowledged it.
#[derive(Debug)]
pub(super) struct Sender {
    writer: WriterId,
    last_seq: u64,
    head: Option<Arc<Batch>>,
    // Halves of refused batches, to be sent before anything new.
    halves: VecDeque<Vec<Delta>>,
}

/// What an answer means for the batch that was sent.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The store has it; unless it is this process's own, an earlier run sealed it.
    Stored { batch: Arc<Batch>, is_own: bool },
    /// Nobody knows; send it again after a pause.
    Failed,
    /// The store does not know how to follow this writer; send it as a new one.
    Renamed,
    /// Something in it is refused; send it in halves.
    Halved,
    /// The store will never take it, and it cannot be made smaller.
    Dropped(Arc<Batch>),
}

impl Sender {
    pub(super) fn new() -> Self {
        Self { writer: WriterId::random(), last_seq: 0, head: None, halves: VecDeque::new() }
    }

    /// The batch to send: the one that is not acknowledged yet, or a new one from what is pending.
    pub(super) fn next(&mut self, pending: &mut Pending, max: usize) -> Option<Arc<Batch>> {
        if self.head.is_none() {
            let deltas = self.halves.pop_front().unwrap_or_else(|| pending.take(max));
            if deltas.is_empty() {
                return None;
            }
            self.seal(deltas);
        }
        self.head.clone()
    }

    /// Draws the conclusions from the answer to the batch that [`next`](Self::next) gave.
    pub(super) fn judge(&mut self, answer: &Result<Applied, StoreError>) -> Verdict {
        let Some(batch) = self.head.take() else {
            return Verdict::Failed;
        };
        match answer {
            Ok(Applied::Applied | Applied::Duplicate) => {
                self.last_seq = batch.seq;
                Verdict::Stored { batch, is_own: true }
            }
            Ok(Applied::Gap { .. }) => self.rename(batch),
            Err(error) => match error.kind() {
                StoreErrorKind::Conflict => self.rename(batch),
                StoreErrorKind::Rejected => self.halve(batch),
                StoreErrorKind::Unavailable | StoreErrorKind::Corrupt => {
                    self.head = Some(batch);
                    Verdict::Failed
                }
            },
        }
    }

    /// The store refused the batch as it is numbered, so it has nothing of it: a new writer may send it.
    fn rename(&mut self, batch: Arc<Batch>) -> Verdict {
        self.writer = WriterId::random();
        self.last_seq = 0;
        self.seal(Arc::unwrap_or_clone(batch).deltas);
        Verdict::Renamed
    }

    fn halve(&mut self, batch: Arc<Batch>) -> Verdict {
        if batch.deltas.len() <= 1 {
            return Verdict::Dropped(batch);
        }
        let mut first = Arc::unwrap_or_clone(batch).deltas;
        let second = first.split_off(first.len() / 2);
        self.halves.push_front(second);
        self.seal(first);
        Verdict::Halved
    }

    fn seal(&mut self, deltas: Vec<Delta>) {
        self.head = Some(Arc::new(Batch::new(self.writer, self.last_seq + 1, deltas)));
    }

    pub(super) fn hits(&self) -> u64 {
        let head = self.head.as_ref().map_or(0, |batch| batch.hits());
        let halves = self.halves.iter().flatten().map(|delta| delta.counts.hits());
        halves.fold(head, capped_sum)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none() && self.halves.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Counts;
    use crate::endpoint::{Endpoint, Method, Route, ServiceName};
    use crate::hit::Outcome;
    use crate::window::{Timestamp, Width, Window};

    fn pending(endpoints: usize) -> Pending {
        let at = Timestamp::from_unix(1_700_000_000);
        let service = ServiceName::new("shop").unwrap();
        let delta = |i| Delta {
            endpoint: Endpoint::new(service.clone(), Method::Get, Route::new(&format!("/{i}")).unwrap()),
            window: Window::containing(at, Width::TenSeconds),
            first_at: at,
            last_at: at,
            counts: Counts { outcomes: [(Outcome::Status(200), 1)].into_iter().collect(), ..Counts::default() },
        };
        let mut pending = Pending::default();
        pending.add((0..endpoints).map(delta).collect());
        pending
    }

    fn error(kind: StoreErrorKind) -> Result<Applied, StoreError> {
        Err(StoreError::new(kind, "write a batch"))
    }

    #[test]
    fn an_unacknowledged_batch_is_sent_again_as_it_was() {
        let (mut sender, mut pending) = (Sender::new(), pending(2));
        let first = sender.next(&mut pending, 10).unwrap();
        sender.judge(&error(StoreErrorKind::Unavailable));

        assert_eq!(sender.next(&mut pending, 10).unwrap(), first);
    }

    #[test]
    fn numbers_go_up_by_one_with_each_acknowledgement() {
        let (mut sender, mut pending) = (Sender::new(), pending(3));

        let numbers: Vec<_> = std::iter::from_fn(|| {
            let batch = sender.next(&mut pending, 1)?;
            sender.judge(&Ok(Applied::Applied));
            Some(batch.seq)
        })
        .collect();

        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn a_duplicate_is_an_acknowledgement() {
        let (mut sender, mut pending) = (Sender::new(), pending(1));
        sender.next(&mut pending, 10);

        assert!(matches!(sender.judge(&Ok(Applied::Duplicate)), Verdict::Stored { .. }));
        assert!(sender.is_empty());
    }

    #[test]
    fn after_a_gap_or_a_conflict_the_batch_goes_out_under_a_new_name() {
        for answer in [Ok(Applied::Gap { last_seq: 0 }), error(StoreErrorKind::Conflict)] {
            let (mut sender, mut pending) = (Sender::new(), pending(2));
            let first = sender.next(&mut pending, 10).unwrap();

            sender.judge(&answer);

            let again = sender.next(&mut pending, 10).unwrap();
            assert_ne!(again.writer, first.writer);
            assert_eq!((again.seq, &again.deltas), (1, &first.deltas));
        }
    }

    #[test]
    fn a_poisoned_delta_is_dropped_alone() {
        let (mut sender, mut pending) = (Sender::new(), pending(7));
        let poisoned = |batch: &Batch| batch.deltas.iter().any(|delta| delta.endpoint.route().as_str() == "/5");
        let (mut stored, mut dropped) = (0, 0);

        while let Some(batch) = sender.next(&mut pending, 10) {
            let answer = if poisoned(&batch) { error(StoreErrorKind::Rejected) } else { Ok(Applied::Applied) };
            match sender.judge(&answer) {
                Verdict::Stored { batch, .. } => stored += batch.hits(),
                Verdict::Dropped(batch) => dropped += batch.hits(),
                _ => {}
            }
        }

        assert_eq!((stored, dropped), (6, 1));
        assert_eq!(sender.hits(), 0);
    }
}
