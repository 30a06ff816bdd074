//! [`WindowSum`]: what one endpoint did in one window, while it is being added up.

use endpoint_stats_core::Endpoint;
use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::window::{Timestamp, Window};

/// What one endpoint did in one window, and when first and last.
#[derive(Debug)]
pub(crate) struct WindowSum {
    first_at: Timestamp,
    last_at: Timestamp,
    counts: Counts,
}

impl WindowSum {
    /// Nothing yet, from a second on.
    pub(crate) fn from(first_at: Timestamp) -> Self {
        Self { first_at, last_at: first_at, counts: Counts::default() }
    }

    /// The counts, to add what happened at a second.
    #[inline]
    pub(crate) fn at(&mut self, at: Timestamp) -> &mut Counts {
        self.first_at = self.first_at.min(at);
        self.last_at = self.last_at.max(at);
        &mut self.counts
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Adds another part of the same window.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.counts.merge(&other.counts);
    }

    /// The same as what a store takes.
    pub(crate) fn into_delta(self, endpoint: Endpoint, window: Window) -> Delta {
        let Self { first_at, last_at, counts } = self;
        Delta { endpoint, window, first_at, last_at, counts }
    }
}
