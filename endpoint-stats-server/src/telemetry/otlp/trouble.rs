//! [`Trouble`]: what is logged of a collector that does not answer, and how often.

use std::time::Duration;

use tokio::time::Instant;

use super::collector::Failure;
use super::queue::Dropped;

/// Between two lines about dropped spans.
const QUIET: Duration = Duration::from_mins(1);

/// Logs when the collector begins to fail, when it is well again, and now and then how many spans were dropped.
#[derive(Debug)]
pub(super) struct Trouble {
    dropped: Dropped,
    told: u64,
    told_at: Option<Instant>,
    is_failing: bool,
}

impl Trouble {
    pub(super) fn new(dropped: Dropped) -> Self {
        Self { dropped, told: 0, told_at: None, is_failing: false }
    }

    /// The collector took a batch, but for some spans of it.
    pub(super) fn took(&mut self, rejected: u64) {
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("the collector takes spans again");
        }
        self.dropped.add(rejected);
    }

    /// The collector did not take a batch.
    pub(super) fn failed(&mut self, failure: &Failure) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(%failure, "the collector does not take spans");
        }
    }

    /// Nobody will see so many spans.
    pub(super) fn lost(&self, spans: u64) {
        self.dropped.add(spans);
    }

    /// Says how many spans were dropped since it was last said, unless that was just now.
    pub(super) fn tell(&mut self) {
        if self.told_at.is_none_or(|at| at.elapsed() >= QUIET) {
            self.tell_at_last();
        }
    }

    /// The same, whenever it was last said.
    pub(super) fn tell_at_last(&mut self) {
        let dropped = self.dropped.count();
        if dropped > self.told {
            tracing::warn!(dropped = dropped - self.told, total = dropped, "spans were dropped");
            (self.told, self.told_at) = (dropped, Some(Instant::now()));
        }
    }
}
