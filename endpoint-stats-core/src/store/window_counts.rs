//! [`WindowCounts`]: a window of one endpoint, on its way into a database.

use crate::aggregate::{Counts, Delta};
use crate::window::Timestamp;

/// Which window of which endpoint; endpoints have numbers in databases.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(super) type WindowKey = (crate::window::Window, i64);

/// What was counted in it, and when first and last.
#[derive(Debug, Clone)]
pub(super) struct WindowCounts {
    pub(super) counts: Counts,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
}

impl WindowCounts {
    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
}

impl From<Delta> for WindowCounts {
    fn from(delta: Delta) -> Self {
        Self { counts: delta.counts, first_at: delta.first_at, last_at: delta.last_at }
    }
}
