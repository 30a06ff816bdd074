//! [`Stripe`]: the counters that one group of threads writes to.

use super::endpoint_counters::EndpointCounters;
use crate::sync::OnceLock;

/// One set of counters for every endpoint, made when a thread of the stripe first hits the endpoint.
#[derive(Debug)]
pub(super) struct Stripe {
    endpoints: Box<[OnceLock<Box<EndpointCounters>>]>,
}

impl Stripe {
    pub(super) fn new(capacity: usize) -> Self {
        Self { endpoints: (0..capacity).map(|_| OnceLock::new()).collect() }
    }

    #[inline]
    pub(super) fn counters(&self, endpoint: usize) -> &EndpointCounters {
        self.endpoints[endpoint].get_or_init(|| Box::new(EndpointCounters::new()))
    }

    pub(super) fn counters_if_any(&self, endpoint: usize) -> Option<&EndpointCounters> {
        self.endpoints.get(endpoint)?.get().map(Box::as_ref)
    }
}
