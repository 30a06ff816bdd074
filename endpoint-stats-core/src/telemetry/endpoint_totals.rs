//! [`EndpointTotals`]: what each endpoint counted since the process started.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::aggregate::{Counts, Delta, OutcomeCounts};
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::sketch::{LatencySketch, capped_sum};

/// So many endpoints of others are kept apart.
const MAX_RECEIVED: usize = 10_000;

/// What each endpoint counted since the process started, for [`to_prometheus`](Self::to_prometheus); clones share it.
///
/// Hits of this process are in it as soon as they are drained, whether the store has them or not. A server adds what
/// others sent when the store has taken it; of these it keeps 10,000 endpoints apart, and counts the hits of further ones
/// under one key of the service `_overflow`.
#[derive(Clone, Debug, Default)]
pub struct EndpointTotals(Arc<Mutex<HashMap<Endpoint, Total>>>);

#[derive(Clone, Debug, Default)]
struct Total {
    outcomes: OutcomeCounts,
    latency: LatencySketch,
    request_bytes: u64,
    response_bytes: u64,
}

/// What one endpoint counted since the process started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointTotal {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// How many hits ended how.
    pub outcomes: OutcomeCounts,
    /// From receiving a request to its response head.
    pub latency: LatencySketch,
    /// Bytes of all request bodies.
    pub request_bytes: u64,
    /// Bytes of all response bodies.
    pub response_bytes: u64,
}

// === impl EndpointTotals ===

impl EndpointTotals {
    /// The totals of all endpoints, in the order of their names.
    pub fn snapshot(&self) -> Vec<EndpointTotal> {
        let mut totals: Vec<_> = self.totals().iter().map(|(endpoint, total)| total.of(endpoint)).collect();
        totals.sort_unstable_by(|one, other| one.endpoint.cmp(&other.endpoint));
        totals
    }

    /// Adds what this process drained; its recorder has a limit of endpoints.
    pub(crate) fn add_drained(&self, deltas: &[Delta]) {
        let mut totals = self.totals();
        for delta in deltas {
            totals.entry(delta.endpoint.clone()).or_default().add(&delta.counts);
        }
    }

    /// Adds what others counted and the store has taken.
    pub(crate) fn add_received(&self, deltas: &[Delta]) {
        let mut totals = self.totals();
        for delta in deltas {
            let is_full = totals.len() >= MAX_RECEIVED;
            match totals.get_mut(&delta.endpoint) {
                Some(total) => total.add(&delta.counts),
                None if is_full => totals.entry(overflow()).or_default().add(&delta.counts),
                None => totals.entry(delta.endpoint.clone()).or_default().add(&delta.counts),
            }
        }
    }

    fn totals(&self) -> MutexGuard<'_, HashMap<Endpoint, Total>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn overflow() -> Endpoint {
    let service = ServiceName::new("_overflow").expect("a name like any other");
    Endpoint::new(service, Method::Other, Route::overflow())
}

// === impl Total ===

impl Total {
    fn add(&mut self, counts: &Counts) {
        self.outcomes.merge(&counts.outcomes);
        self.latency.merge(&counts.latency);
        self.request_bytes = capped_sum(self.request_bytes, counts.request_bytes);
        self.response_bytes = capped_sum(self.response_bytes, counts.response_bytes);
    }

    fn of(&self, endpoint: &Endpoint) -> EndpointTotal {
        EndpointTotal {
            endpoint: endpoint.clone(),
            outcomes: self.outcomes.clone(),
            latency: self.latency.clone(),
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hit::{Hit, Outcome};
    use crate::window::{Timestamp, Width, Window};

    const NOW: Timestamp = Timestamp::from_unix(1_700_000_007);

    fn delta(service: &str, route: &str, hits: u64) -> Delta {
        let endpoint = Endpoint::new(ServiceName::new(service).unwrap(), Method::Get, Route::new(route).unwrap());
        let mut counts = Counts::default();
        for _ in 0..hits {
            counts.add(&Hit {
                outcome: Outcome::Status(200),
                latency: None,
                duration: None,
                response_bytes: 10,
                caller: None,
            });
        }
        Delta { endpoint, window: Window::containing(NOW, Width::TenSeconds), first_at: NOW, last_at: NOW, counts }
    }

    #[test]
    fn drains_and_batches_of_one_endpoint_add_up() {
        let totals = EndpointTotals::default();

        totals.add_drained(&[delta("shop", "/", 2)]);
        totals.add_received(&[delta("shop", "/", 3)]);

        let snapshot = totals.snapshot();
        assert_eq!(snapshot.len(), 1);
        assert_eq!((snapshot[0].outcomes.hits(), snapshot[0].response_bytes), (5, 50));
    }

    #[test]
    fn endpoints_of_others_beyond_the_limit_are_counted_under_one_key() {
        let totals = EndpointTotals::default();
        let many: Vec<_> = (0..=MAX_RECEIVED).map(|n| delta("shop", &format!("/{n}"), 1)).collect();

        totals.add_received(&many);
        totals.add_received(&many);

        let snapshot = totals.snapshot();
        assert_eq!(snapshot.len(), MAX_RECEIVED + 1);
        assert_eq!(snapshot.iter().map(|total| total.outcomes.hits()).sum::<u64>(), 2 * many.len() as u64);
        let overflow = snapshot.iter().find(|total| total.endpoint == overflow()).unwrap();
        assert_eq!(overflow.outcomes.hits(), 2);
    }
}
