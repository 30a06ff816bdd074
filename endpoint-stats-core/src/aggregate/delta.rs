//! [`Delta`]: what one endpoint gained since the last drain.

use super::Counts;
use crate::endpoint::Endpoint;
use crate::window::{Timestamp, Window};

/// What one endpoint gained in one window since the last drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The endpoint that gained it.
    pub endpoint: Endpoint,
    /// The window it is added to.
    pub window: Window,
    /// When the first of the hits was counted, to the drain.
    pub first_at: Timestamp,
    /// When the last of the hits was counted, to the drain.
    pub last_at: Timestamp,
    /// What was gained.
    pub counts: Counts,
}

impl Delta {
    /// Adds another delta of the same endpoint and window.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
    }
}
