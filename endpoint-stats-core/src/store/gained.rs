//! [`Gained`]: what a batch adds to an endpoint over all time.

use super::EndpointStatus;
use crate::aggregate::Delta;
use crate::sketch::capped_sum;
use crate::window::Timestamp;

/// What one or more deltas add to an endpoint over all time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gained {
    pub(super) hits: u64,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
}

impl Gained {
    pub(super) fn by(delta: &Delta) -> Self {
        Self { hits: delta.counts.hits(), first_at: delta.first_at, last_at: delta.last_at }
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn merge(&mut self, other: Self) {
        self.hits = capped_sum(self.hits, other.hits);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
}

impl EndpointStatus {
    /// Adds what another part of a store knows of the same endpoint.
    #[cfg(feature = "redis")]
    pub(super) fn merge(&mut self, other: &Self) {
        self.hits = capped_sum(self.hits, other.hits);
        self.last_called = self.last_called.max(other.last_called);
        let earlier = |a: Option<Timestamp>, b: Option<Timestamp>| a.into_iter().chain(b).min();
        self.first_seen = earlier(self.first_seen, other.first_seen);
        self.registered_at = earlier(self.registered_at, other.registered_at);
    }

    pub(super) fn gain(&mut self, gained: Gained) {
        self.hits = capped_sum(self.hits, gained.hits);
        self.first_seen = Some(self.first_seen.map_or(gained.first_at, |first| first.min(gained.first_at)));
        self.last_called = Some(self.last_called.map_or(gained.last_at, |last| last.max(gained.last_at)));
    }
}
