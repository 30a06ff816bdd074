//! [`Books`]: where every hit is.

use std::sync::{Arc, Mutex, PoisonError};

use metrics::{counter, gauge};

use crate::aggregate::{Aggregator, Delta};

/// Where every hit is that was drained from a recorder: `observed = stored + pending + dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Hits drained from the recorder.
    pub observed: u64,
    /// Hits that the store acknowledged.
    pub stored: u64,
    /// Hits drained and not yet acknowledged; a crash loses them, and what was counted since the last drain.
    pub pending: u64,
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
        self.observed == self.stored + self.pending + self.dropped
    }

    pub(super) fn publish(&self, aggregator: &Aggregator) {
        let service = || aggregator.service().as_str().to_owned();
        counter!("endpoint_stats_hits_observed_total", "service" => service()).absolute(self.observed);
        counter!("endpoint_stats_hits_stored_total", "service" => service()).absolute(self.stored);
        counter!("endpoint_stats_hits_dropped_total", "service" => service(), "reason" => "rejected")
            .absolute(self.dropped);
        gauge!("endpoint_stats_hits_pending", "service" => service()).set(self.pending as f64);
        counter!("endpoint_stats_hits_folded_total", "service" => service()).absolute(aggregator.folded());
        counter!("endpoint_stats_hits_refused_total", "service" => service()).absolute(aggregator.refused());
    }
}

/// Adds what was drained to the hits of each endpoint of this process.
pub(super) fn publish_hits(deltas: &[Delta]) {
    for delta in deltas {
        let endpoint = &delta.endpoint;
        for (outcome, hits) in delta.counts.outcomes.iter() {
            let labels = [
                ("service", endpoint.service().as_str().to_owned()),
                ("method", endpoint.method().as_str().to_owned()),
                ("route", endpoint.route().as_str().to_owned()),
                ("outcome", outcome.to_string()),
            ];
            counter!("endpoint_stats_hits_total", &labels).increment(hits);
        }
    }
}
