//! [`Roller`]: the task that rolls up.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::task::{describe, ticks};
use crate::clock::{Clock, Moment};
use crate::store::{Retention, RolledUp, StatsStore, StoreError};
use crate::telemetry::catalog::{ROLL_UP_DURATION, ROLL_UP_SUCCESS, ROLL_UPS};

/// Moves windows into wider ones, again and again.
pub(super) struct Roller {
    pub(super) store: Arc<dyn StatsStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) retention: Retention,
    pub(super) service: String,
}

impl Roller {
    pub(super) async fn run(self, every: Duration) {
        self.note_success(0);
        let mut ticks = ticks(every);
        loop {
            ticks.tick().await;
            let now = self.clock.now();
            let began_at = Moment::now();
            let work = self.store.roll_up(now, &self.retention);
            let done = work.instrument(tracing::info_span!(parent: None, "roll_up")).await;
            let took = Moment::now().since(began_at);
            ROLL_UP_DURATION.histogram([self.service.clone().into()]).record(took.as_secs_f64());
            if self.conclude(done) {
                self.note_success(now.as_unix());
            }
        }
    }

    /// Counts and logs what became of a roll-up, and tells whether it came to its end.
    fn conclude(&self, done: Result<RolledUp, StoreError>) -> bool {
        let (result, ended) = match done {
            Ok(done) => {
                if done.moved + done.deleted > 0 {
                    tracing::debug!(?done, "rolled up");
                }
                ("ended", true)
            }
            Err(error) => {
                tracing::warn!(error = describe(&error), "roll-up failed, to be tried again");
                ("failed", false)
            }
        };
        ROLL_UPS.counter([self.service.clone().into(), result.into()]).increment(1);
        ended
    }

    fn note_success(&self, at_secs: i64) {
        ROLL_UP_SUCCESS.gauge([self.service.clone().into()]).set(at_secs as f64);
    }
}
