//! [`Books`]: where every hit is.

use std::sync::{Arc, Mutex, PoisonError};

use crate::aggregate::Aggregator;
use crate::sketch::capped_sum;
use crate::telemetry::catalog::{
    ENDPOINTS, ENDPOINTS_LIMIT, HITS_DROPPED, HITS_FOLDED, HITS_FOUND, HITS_OBSERVED, HITS_PENDING, HITS_REFUSED,
    HITS_SPOOLED, HITS_STORED,
};

/// Where every hit is that was drained from a recorder, or found in its spool: `observed + found = stored + pending + spooled +
/// dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Hits drained from the recorder.
    pub observed: u64,
    /// Hits that an earlier run had left in the spool.
    pub found: u64,
    /// Hits that the store acknowledged.
    pub stored: u64,
    /// Hits drained and not yet acknowledged; a crash loses them, and what was counted since the last drain.
    pub pending: u64,
    /// Hits on the disk and not yet acknowledged; a crash does not lose them.
    pub spooled: u64,
    /// Hits given up: those of the next two, and those that the store will never take.
    pub dropped: u64,
    /// Of the dropped, those that made room for newer ones in a full spool.
    pub dropped_full: u64,
    /// Of the dropped, those that the spool had and could not read any more.
    pub dropped_unreadable: u64,
}

/// The books of a flusher, to be read by others while it runs.
#[derive(Clone, Debug, Default)]
pub struct BooksView {
    books: Arc<Mutex<Books>>,
    has_spool: bool,
}

impl BooksView {
    pub(super) fn new(has_spool: bool) -> Self {
        Self { has_spool, ..Self::default() }
    }

    /// Whether hits can be found or spooled at all.
    pub fn has_spool(&self) -> bool {
        self.has_spool
    }

    /// Where every hit is, as of the last drain or answer.
    pub fn books(&self) -> Books {
        *self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, books: Books) {
        *self.books.lock().unwrap_or_else(PoisonError::into_inner) = books;
    }
}

impl Books {
    /// Whether every hit is accounted for.
    pub fn balance(&self) -> bool {
        self.observed + self.found == self.stored + self.pending + self.spooled + self.dropped
    }

    /// Of the dropped, those that the store will never take.
    pub fn rejected(&self) -> u64 {
        self.dropped.saturating_sub(capped_sum(self.dropped_full, self.dropped_unreadable))
    }

    /// Takes in what the spool gave up.
    pub(super) fn give_up(&mut self, full: u64, unreadable: u64) {
        self.dropped_full = capped_sum(self.dropped_full, full);
        self.dropped_unreadable = capped_sum(self.dropped_unreadable, unreadable);
        self.dropped = capped_sum(self.dropped, capped_sum(full, unreadable));
    }

    pub(super) fn publish(&self, aggregator: &Aggregator) {
        let service = || aggregator.service().as_str().to_owned().into();
        HITS_OBSERVED.counter([service()]).absolute(self.observed);
        HITS_FOUND.counter([service()]).absolute(self.found);
        HITS_STORED.counter([service()]).absolute(self.stored);
        HITS_DROPPED.counter([service(), "rejected".into()]).absolute(self.rejected());
        HITS_DROPPED.counter([service(), "spool_full".into()]).absolute(self.dropped_full);
        HITS_DROPPED.counter([service(), "spool_unreadable".into()]).absolute(self.dropped_unreadable);
        HITS_SPOOLED.gauge([service()]).set(self.spooled as f64);
        HITS_PENDING.gauge([service()]).set(self.pending as f64);
        HITS_FOLDED.counter([service()]).absolute(aggregator.folded());
        HITS_REFUSED.counter([service()]).absolute(aggregator.refused());
        ENDPOINTS.gauge([service()]).set(aggregator.endpoints() as f64);
        ENDPOINTS_LIMIT.gauge([service()]).set(aggregator.max_endpoints() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_spool_gave_up_is_dropped_for_its_reason() {
        let mut books = Books { found: 10, stored: 3, dropped: 2, ..Books::default() };

        books.give_up(4, 1);

        assert_eq!((books.rejected(), books.dropped_full, books.dropped_unreadable), (2, 4, 1));
        assert!(books.balance(), "{books:?}");
    }

    #[test]
    fn hits_on_the_disk_are_accounted_for_and_may_be_of_an_earlier_run() {
        let books = Books { observed: 5, found: 4, stored: 6, spooled: 3, ..Books::default() };

        assert!(books.balance());
        assert!(!Books { spooled: 0, ..books }.balance());
        assert!(!Books { found: 0, ..books }.balance());
    }
}
