//! [`Aggregator`]: the recorder that counts in memory until it is drained.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use super::caller_registers::CallerRegisters;
use super::endpoint_counters::EndpointCounters;
use super::registry::{Known, Limits, Registry};
use super::slot_table::{Slot, Slots};
use super::stripe::Stripe;
use super::{ConsumerCounts, Counts, Delta};
use crate::endpoint::{Endpoint, ServiceName};
use crate::hit::Hit;
use crate::recorder::{Arrival, OpenHit, Recorder};
use crate::stripes::Striped;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, OnceLock};
use crate::window::{Timestamp, Width, Window};

/// Counts the hits of one service in memory; clones count together.
#[derive(Clone)]
pub struct Aggregator {
    inner: Arc<Inner>,
}

/// A request that an [`Aggregator`] has begun.
#[derive(Clone, Debug)]
pub struct AggregatorHit {
    // One `Arc` a stripe, so that requests on different cores do not share its reference count either.
    handle: Arc<Handle>,
    slots: Slots,
}

/// What one endpoint counted in this process since it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCount {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Requests that arrived, those still under way included.
    pub begun: u64,
    /// Hits that ended.
    pub ended: u64,
}

struct Inner {
    counters: Arc<Counters>,
    handles: Striped<Arc<Handle>>,
}

// Two cache lines of its own, as processors fetch them in pairs: its reference count is one stripe's only.
#[derive(Debug)]
#[repr(align(128))]
struct Handle {
    counters: Arc<Counters>,
    stripe: usize,
}

#[derive(Debug)]
struct Counters {
    service: ServiceName,
    registry: Registry,
    stripes: Striped<Stripe>,
    callers: Box<[OnceLock<CallerRegisters>]>,
    consumers: Box<[ConsumerCounters]>,
    // Hits drained so far, by endpoint; the lock also keeps drains apart.
    drained: Mutex<Vec<u64>>,
}

#[derive(Debug, Default)]
struct ConsumerCounters {
    hits: AtomicU64,
    errors: AtomicU64,
    response_bytes: AtomicU64,
}

// === impl Aggregator ===

impl Aggregator {
    /// Creates an aggregator for a service.
    pub fn new(service: ServiceName, limits: Limits) -> Self {
        let registry = Registry::new(limits);
        let capacity = registry.endpoint_capacity();
        let counters = Arc::new(Counters {
            service,
            stripes: Striped::new(|_| Stripe::new(capacity)),
            callers: (0..capacity).map(|_| OnceLock::new()).collect(),
            consumers: (0..registry.consumer_capacity()).map(|_| ConsumerCounters::default()).collect(),
            drained: Mutex::new(vec![0; capacity]),
            registry,
        });
        let handles = Striped::new(|stripe| Arc::new(Handle { counters: Arc::clone(&counters), stripe }));
        Self { inner: Arc::new(Inner { counters, handles }) }
    }

    /// The service whose hits are counted.
    pub fn service(&self) -> &ServiceName {
        &self.inner.counters.service
    }

    /// Takes everything counted since the last drain, stamped with the 10-second window of `at`.
    ///
    /// Recording goes on meanwhile. What is returned is no longer in the aggregator: it is the caller's to keep.
    pub fn drain(&self, at: Timestamp) -> Vec<Delta> {
        let counters = &*self.inner.counters;
        let mut drained = counters.drained.lock().unwrap_or_else(PoisonError::into_inner);
        let mut consumers = counters.drain_consumers();
        let mut deltas = Vec::new();
        for (slot, known) in counters.registry.endpoints() {
            let mut counts = counters.drain_endpoint(slot);
            if let Some(consumers) = consumers.remove(&slot.index()) {
                counts.consumers = consumers.into_iter().collect();
            }
            if counts.is_empty() {
                continue;
            }
            drained[slot.index()] += counts.hits();
            deltas.push(Delta {
                endpoint: counters.endpoint(known),
                window: Window::containing(at, Width::TenSeconds),
                first_at: at,
                last_at: at,
                counts,
            });
        }
        deltas
    }

    /// What each endpoint counted since the process started, drained or not.
    pub fn live(&self) -> Vec<LiveCount> {
        let counters = &*self.inner.counters;
        let drained = counters.drained.lock().unwrap_or_else(PoisonError::into_inner);
        let live = |(slot, known): (Slot, &Known)| {
            let ended = counters.each_stripe(slot).map(EndpointCounters::hits).sum::<u64>() + drained[slot.index()];
            let begun = counters.begun(slot).max(ended);
            (begun > 0).then(|| LiveCount { endpoint: counters.endpoint(known), begun, ended })
        };
        counters.registry.endpoints().filter_map(live).collect()
    }

    /// Requests that arrived for each endpoint since the process started, those still under way included.
    ///
    /// Waits for nobody, not even for a drain.
    pub fn begun(&self) -> impl Iterator<Item = (Endpoint, u64)> + '_ {
        let counters = &*self.inner.counters;
        counters.registry.endpoints().map(|(slot, known)| (counters.endpoint(known), counters.begun(slot)))
    }

    /// Requests that arrived at a route since the process started, all methods together.
    pub fn begun_at(&self, route: &str) -> u64 {
        let counters = &*self.inner.counters;
        counters.registry.endpoints_at(route).map(|slot| counters.begun(slot)).sum()
    }

    /// Endpoints that are kept apart; the keys of what could not be told apart are none.
    pub fn endpoints(&self) -> usize {
        self.inner.counters.registry.endpoints().filter(|(_, known)| !known.route.is_reserved()).count()
    }

    /// Endpoints that may be kept apart.
    pub fn max_endpoints(&self) -> usize {
        self.inner.counters.registry.max_endpoints()
    }

    /// Hits that were counted under the overflow key, because the limit of endpoints was reached.
    pub fn folded(&self) -> u64 {
        self.inner.counters.registry.folded()
    }

    /// Hits that were counted under the refused key, because their template was longer than 512 bytes, empty, or
    /// had a NUL.
    pub fn refused(&self) -> u64 {
        self.inner.counters.registry.refused()
    }
}

impl fmt::Debug for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregator").field("service", self.service()).finish_non_exhaustive()
    }
}

impl Recorder for Aggregator {
    type OpenHit = AggregatorHit;

    #[inline]
    fn begin(&self, arrival: Arrival<'_>) -> Option<AggregatorHit> {
        let inner = &*self.inner;
        let endpoint = inner.counters.registry.endpoint(arrival)?;
        let consumer = arrival.consumer.and_then(|name| inner.counters.registry.consumer(endpoint, name));
        let handle = Arc::clone(inner.handles.of_this_thread());
        handle.counters(endpoint).begin();
        Some(AggregatorHit { handle, slots: Slots::new(endpoint, consumer) })
    }
}

// === impl AggregatorHit ===

impl OpenHit for AggregatorHit {
    #[inline]
    fn end(self, hit: &Hit) {
        let counters = &*self.handle.counters;
        if let Some(caller) = hit.caller {
            counters.callers[self.slots.endpoint().index()].get_or_init(CallerRegisters::new).insert(caller);
        }
        if let Some(consumer) = self.slots.consumer() {
            counters.consumers[consumer.index()].add(hit);
        }
        self.handle.counters(self.slots.endpoint()).add(hit);
    }

    fn add_request_bytes(&self, bytes: u64) {
        self.handle.counters(self.slots.endpoint()).add_request_bytes(bytes);
    }
}

// === impl Handle ===

impl Handle {
    #[inline]
    fn counters(&self, endpoint: Slot) -> &EndpointCounters {
        self.counters.stripes.get(self.stripe).counters(endpoint.index())
    }
}

// === impl Counters ===

impl Counters {
    fn endpoint(&self, known: &Known) -> Endpoint {
        Endpoint::new(self.service.clone(), known.method, known.route.clone())
    }

    fn each_stripe(&self, slot: Slot) -> impl Iterator<Item = &EndpointCounters> {
        self.stripes.iter().filter_map(move |stripe| stripe.counters_if_any(slot.index()))
    }

    fn begun(&self, slot: Slot) -> u64 {
        self.each_stripe(slot).map(EndpointCounters::begun).sum()
    }

    fn drain_endpoint(&self, slot: Slot) -> Counts {
        let mut counts = Counts::default();
        for counters in self.each_stripe(slot) {
            counters.drain_into(&mut counts);
        }
        if let Some(registers) = self.callers[slot.index()].get() {
            counts.callers = registers.drain();
        }
        counts
    }

    fn drain_consumers(&self) -> HashMap<usize, Vec<(super::ConsumerName, ConsumerCounts)>> {
        let mut by_endpoint: HashMap<_, Vec<_>> = HashMap::new();
        for (slot, (endpoint, name)) in self.registry.consumers() {
            let counts = self.consumers[slot.index()].drain();
            if counts != ConsumerCounts::default() {
                by_endpoint.entry(endpoint.index()).or_default().push((name.clone(), counts));
            }
        }
        by_endpoint
    }
}

// === impl ConsumerCounters ===

impl ConsumerCounters {
    fn add(&self, hit: &Hit) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        if hit.outcome.is_error() {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.response_bytes.fetch_add(hit.response_bytes, Ordering::Relaxed);
    }

    fn drain(&self) -> ConsumerCounts {
        ConsumerCounts {
            hits: self.hits.swap(0, Ordering::Relaxed),
            errors: self.errors.swap(0, Ordering::Relaxed),
            response_bytes: self.response_bytes.swap(0, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Method;
    use crate::hit::Outcome;
    use crate::sketch::CallerHash;

    const NOW: Timestamp = Timestamp::from_unix(1_700_000_007);

    const HIT: Hit =
        Hit { outcome: Outcome::Status(200), latency: None, duration: None, response_bytes: 10, caller: None };

    fn aggregator() -> Aggregator {
        Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default())
    }

    fn begin(aggregator: &Aggregator, method: Method, consumer: Option<&str>) -> AggregatorHit {
        aggregator.begin(Arrival { method, route: Some("/users/{id}"), consumer }).unwrap()
    }

    #[test]
    fn a_request_under_way_is_begun_and_not_yet_a_hit() {
        let aggregator = aggregator();
        let open = begin(&aggregator, Method::Get, None);

        assert!(aggregator.drain(NOW).is_empty());
        assert_eq!(aggregator.begun_at("/users/{id}"), 1);

        open.end(&HIT);
        assert_eq!(aggregator.drain(NOW)[0].counts.hits(), 1);
    }

    #[test]
    fn a_drain_changes_no_live_count() {
        let aggregator = aggregator();
        for _ in 0..3 {
            begin(&aggregator, Method::Get, None).end(&HIT);
        }
        let _open = begin(&aggregator, Method::Get, None);
        let before = aggregator.live();

        aggregator.drain(NOW);

        assert_eq!((before[0].begun, before[0].ended), (4, 3));
        assert_eq!(aggregator.live(), before);
    }

    #[test]
    fn methods_are_endpoints_of_their_own_and_one_route() {
        let aggregator = aggregator();
        begin(&aggregator, Method::Get, None).end(&HIT);
        begin(&aggregator, Method::Put, None).end(&HIT);

        assert_eq!(aggregator.drain(NOW).len(), 2);
        assert_eq!(aggregator.begun_at("/users/{id}"), 2);
        assert_eq!(aggregator.begun_at("/users"), 0);
    }

    #[test]
    fn a_drain_stamps_the_ten_seconds_it_is_made_in_and_takes_everything_once() {
        let aggregator = aggregator();
        let caller = CallerHash::from_u64(7);
        begin(&aggregator, Method::Get, Some("acme")).end(&Hit { caller: Some(caller), ..HIT });

        let deltas = aggregator.drain(NOW);

        assert_eq!(deltas[0].window, Window::containing(NOW, Width::TenSeconds));
        assert_eq!((deltas[0].first_at, deltas[0].last_at), (NOW, NOW));
        assert_eq!(deltas[0].counts.callers.count(), 1);
        assert_eq!(deltas[0].counts.consumers.values().map(|counts| counts.hits).sum::<u64>(), 1);
        assert!(aggregator.drain(NOW).is_empty());
    }

    #[test]
    fn one_consumer_is_counted_at_each_of_its_endpoints() {
        let aggregator = aggregator();
        begin(&aggregator, Method::Get, Some("acme")).end(&HIT);
        begin(&aggregator, Method::Put, Some("acme")).end(&Hit { outcome: Outcome::Failed, ..HIT });

        let deltas = aggregator.drain(NOW);

        let errors: Vec<_> =
            deltas.iter().flat_map(|delta| delta.counts.consumers.values()).map(|c| c.errors).collect();
        assert_eq!(errors, [0, 1]);
    }
}
