//! [`OwnWrites`]: what this process wrote of late, and the answers that are therefore its own.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::window::TimeRange;

/// After so long, no answer is left that does not know of a write: longer than an answer may take to be found and kept,
/// and longer than it is kept.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_mins(2);

/// So many stretches of time are told apart.
const MAX_WRITES: usize = 64;

/// The stretches of time that this process wrote to in the last two minutes.
///
/// A question about one of them is answered by answers of this process since that write, all others by those of any
/// process.
#[derive(Debug)]
pub(super) struct OwnWrites {
    process: Uuid,
    state: Mutex<State>,
}

/// A write of a process; part of the key of the answers that know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) process: Uuid,
    pub(super) number: u64,
}

#[derive(Debug, Default)]
struct State {
    last_number: u64,
    // The oldest first.
    writes: VecDeque<Write>,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    span: TimeRange,
    at: Duration,
    number: u64,
}

impl OwnWrites {
    pub(super) fn new(process: Uuid) -> Self {
        Self { process, state: Mutex::default() }
    }

    /// Something was, or may have been, written to a stretch of time.
    pub(super) fn add(&self, span: TimeRange, now: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last_number += 1;
        let number = state.last_number;
        state.writes.retain(|write| write.span != span && is_remembered(*write, now));
        if state.writes.len() == MAX_WRITES {
            state.join_the_oldest();
        }
        state.writes.push_back(Write { span, at: now, number });
    }

    /// The last write to a stretch of time, if it is remembered.
    pub(super) fn last_in(&self, range: TimeRange, now: Duration) -> Option<Generation> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let of_range = |write: &&Write| overlap(write.span, range) && is_remembered(**write, now);
        let write = state.writes.iter().rev().find(of_range)?;
        Some(Generation { process: self.process, number: write.number })
    }
}

impl State {
    fn join_the_oldest(&mut self) {
        if let (Some(oldest), Some(next)) = (self.writes.pop_front(), self.writes.front_mut()) {
            next.span = TimeRange::new(next.span.from.min(oldest.span.from), next.span.to.max(oldest.span.to));
        }
    }
}

fn is_remembered(write: Write, now: Duration) -> bool {
    now.saturating_sub(write.at) < REMEMBERED_FOR
}

// As a window counts for a range, see `Window::overlaps`.
fn overlap(span: TimeRange, range: TimeRange) -> bool {
    span.from < range.to && range.from < span.to
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Timestamp;

    fn range(from: i64, to: i64) -> TimeRange {
        TimeRange::new(Timestamp::from_unix(from), Timestamp::from_unix(to))
    }

    fn number(writes: &OwnWrites, range: TimeRange, now: Duration) -> Option<u64> {
        writes.last_in(range, now).map(|generation| generation.number)
    }

    #[test]
    fn a_write_counts_for_the_time_it_wrote_to() {
        let writes = OwnWrites::new(Uuid::nil());

        writes.add(range(100, 110), Duration::ZERO);
        writes.add(range(110, 120), Duration::ZERO);

        assert_eq!(number(&writes, range(0, 100), Duration::ZERO), None);
        assert_eq!(number(&writes, range(0, 101), Duration::ZERO), Some(1));
        assert_eq!(number(&writes, range(109, 111), Duration::ZERO), Some(2));
        assert_eq!(number(&writes, TimeRange::ALL, Duration::ZERO), Some(2));
    }

    #[test]
    fn a_write_is_forgotten_when_no_older_answer_can_be_left() {
        let writes = OwnWrites::new(Uuid::nil());

        writes.add(range(100, 110), Duration::from_secs(7));

        let (before, after) = (Duration::from_secs(7 + 119), Duration::from_secs(7 + 120));
        assert_eq!(number(&writes, TimeRange::ALL, before), Some(1));
        assert_eq!(number(&writes, TimeRange::ALL, after), None);
    }

    #[test]
    fn many_writes_are_remembered_in_bounded_room() {
        let writes = OwnWrites::new(Uuid::nil());

        for i in 0..1_000 {
            writes.add(range(i * 10, i * 10 + 10), Duration::ZERO);
        }

        assert_eq!(writes.state.lock().unwrap().writes.len(), MAX_WRITES);
        assert_eq!(number(&writes, range(9_990, 10_000), Duration::ZERO), Some(1_000));
        for i in 0..1_000 {
            assert!(number(&writes, range(i * 10, i * 10 + 1), Duration::ZERO) > Some(i.unsigned_abs()));
        }
    }
}
