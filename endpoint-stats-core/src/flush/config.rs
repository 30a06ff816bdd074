//! [`FlushConfig`]: how often, how much.

use std::time::Duration;

use crate::store::Retention;

/// How often a [`Flusher`](super::Flusher) writes, and how much at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlushConfig {
    /// Time between two drains. Defaults to 1 second.
    pub interval: Duration,
    /// Deltas in a batch. Defaults to 5,000.
    pub max_batch: usize,
    /// Deltas in memory from which on narrow windows are merged into wider ones, or twice what the last drain brought, if
    /// that is more. Defaults to 4,000, which take some 9 MiB.
    pub max_pending: usize,
    /// Time between two looks at what other processes stored. Defaults to 500 milliseconds.
    pub refresh: Duration,
    /// How long windows are kept; `None` leaves rolling up to others. Defaults to [`Retention::default`].
    pub retention: Option<Retention>,
    /// Time between two roll-ups. Defaults to 1 minute.
    pub roll_up: Duration,
}

impl Default for FlushConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            max_batch: 5_000,
            max_pending: 4_000,
            refresh: Duration::from_millis(500),
            retention: Some(Retention::default()),
            roll_up: Duration::from_mins(1),
        }
    }
}
