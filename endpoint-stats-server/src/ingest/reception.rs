//! [`Reception`]: when a request arrived, and what it says of times.

use endpoint_stats_core::window::{Timestamp, Width};

/// 1971-01-01T00:00:00Z; a clock that was never set tells a time of 1970.
const EARLIEST: Timestamp = Timestamp::from_unix(365 * 86_400);

/// When a request arrived: the time of what has none, and of what has an impossible one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reception {
    /// The second of arrival.
    pub(super) at: Timestamp,
    latest: Timestamp,
}

impl Reception {
    pub(super) fn at(at: Timestamp) -> Self {
        Self { at, latest: at.plus_secs(Width::Day.secs()) }
    }

    /// Whether something can have happened then: in 1971 or later, and not more than a day after the arrival.
    #[inline]
    pub(super) fn believes(&self, at: Timestamp) -> bool {
        (EARLIEST..=self.latest).contains(&at)
    }

    /// A time, or that of the arrival if it is impossible.
    pub(super) fn believed(&self, at: Timestamp) -> Timestamp {
        if self.believes(at) { at } else { self.at }
    }
}
