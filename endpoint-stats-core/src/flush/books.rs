//! [`Books`]: where every hit is.

use std::sync::{Arc, Mutex, PoisonError};

use crate::aggregate::Aggregator;
use crate::telemetry::catalog::{
    ENDPOINTS, ENDPOINTS_LIMIT, HITS_DROPPED, HITS_FOLDED, HITS_OBSERVED, HITS_PENDING, HITS_REFUSED, HITS_STORED,
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
    /// Hits given up, because the store will never take them.
    pub dropped: u64,
}

/// The books of a flusher, to be read by others while it runs.
#[derive(Clone, Debug, Default)]
pub struct BooksView(Arc<Mutex<Books>>);

impl BooksView {
    /// Where every hit is, as of the last drain or answer.
    pub fn books(&self) -> Books {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, books: Books) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = books;
    }
}

impl Books {
    /// Whether every hit is accounted for.
    pub fn balance(&self) -> bool {
        self.observed + self.found == self.stored + self.pending + self.spooled + self.dropped
    }

    pub(super) fn publish(&self, aggregator: &Aggregator) {
        let service = || aggregator.service().as_str().to_owned().into();
        HITS_OBSERVED.counter([service()]).absolute(self.observed);
        HITS_STORED.counter([service()]).absolute(self.stored);
        HITS_DROPPED.counter([service(), "rejected".into()]).absolute(self.dropped);
        HITS_PENDING.gauge([service()]).set(self.pending as f64);
        HITS_FOLDED.counter([service()]).absolute(aggregator.folded());
        HITS_REFUSED.counter([service()]).absolute(aggregator.refused());
        ENDPOINTS.gauge([service()]).set(aggregator.endpoints() as f64);
        ENDPOINTS_LIMIT.gauge([service()]).set(aggregator.max_endpoints() as f64);
    }
}
