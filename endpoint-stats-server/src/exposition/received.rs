//! [`Received`]: counts what others sent.

use endpoint_stats_core::store::{Batch, Listener};
use endpoint_stats_core::telemetry::EndpointTotals;

use super::catalog::RECEIVED;

/// Counts what others sent, once the store has taken it, beside what this process counted.
#[derive(Debug)]
pub(crate) struct Received(EndpointTotals);

impl Received {
    pub(crate) fn into(totals: EndpointTotals) -> Self {
        Self(totals)
    }
}

impl Listener for Received {
    fn applied(&self, batch: &Batch) {
        RECEIVED.counter([]).increment(batch.hits());
        self.0.applied(batch);
    }
}
