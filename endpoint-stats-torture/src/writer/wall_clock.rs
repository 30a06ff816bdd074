//! [`WallClock`]: the time of day, as wrong as it is told to be.

use std::sync::atomic::{AtomicI64, Ordering};

use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::window::Timestamp;

/// The clock of the machine, and an error.
#[derive(Debug)]
pub(super) struct WallClock {
    wrong_by: AtomicI64,
}

impl WallClock {
    pub(super) fn wrong_by(secs: i64) -> Self {
        Self { wrong_by: AtomicI64::new(secs) }
    }

    pub(super) fn be_wrong_by(&self, secs: i64) {
        self.wrong_by.store(secs, Ordering::Relaxed);
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let wrong_by = self.wrong_by.load(Ordering::Relaxed);
        Timestamp::from_unix(SystemClock.now().as_unix().saturating_add(wrong_by))
    }
}
