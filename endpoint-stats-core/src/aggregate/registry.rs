//! [`Registry`]: which endpoints and consumers are known, and where new ones go when the limit is reached.

use super::ConsumerName;
use super::route_patterns::{RoutePatterns, Treatment};
use super::slot_table::{Slot, SlotTable};
use crate::endpoint::{Method, Route};
use crate::recorder::Arrival;
use crate::sync::atomic::{AtomicU64, Ordering};

/// How much a recorder keeps apart; what goes beyond is still counted, under an overflow key.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Route templates, each with its method. Defaults to 2,000.
    pub max_endpoints: usize,
    /// Pairs of endpoint and consumer. Defaults to 2,000.
    pub max_consumers: usize,
    /// Templates that are ignored or counted as one.
    pub patterns: RoutePatterns,
}

/// The keys below the limit, and beside them the reserved ones: unmatched, overflow and refused, by method.
#[derive(Debug)]
pub(super) struct Registry {
    limits: Limits,
    endpoints: SlotTable<Known>,
    consumers: SlotTable<(Slot, ConsumerName)>,
    unmatched: Route,
    overflow: Route,
    refused: Route,
    hits_folded: AtomicU64,
    hits_refused: AtomicU64,
}

/// A template that was seen, and the endpoint it is counted for: itself, its group's, or none.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) method: Method,
    pub(super) route: Route,
    counted_for: Option<Slot>,
}

const RESERVED: usize = 3 * Method::ALL.len();

impl Default for Limits {
    fn default() -> Self {
        Self { max_endpoints: 2_000, max_consumers: 2_000, patterns: RoutePatterns::default() }
    }
}

impl Registry {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            endpoints: SlotTable::new(limits.max_endpoints.saturating_add(RESERVED)),
            consumers: SlotTable::new(limits.max_consumers.saturating_add(limits.max_endpoints + RESERVED)),
            unmatched: Route::unmatched(),
            overflow: Route::overflow(),
            refused: Route::refused(),
            hits_folded: AtomicU64::new(0),
            hits_refused: AtomicU64::new(0),
            limits,
        }
    }

    /// Finds the endpoint that a request counts for; `None` when it is ignored.
    #[inline]
    pub(super) fn endpoint(&self, arrival: Arrival<'_>) -> Option<Slot> {
        let Some(template) = arrival.route else {
            return self.reserved(arrival.method, &self.unmatched);
        };
        let hash = self.endpoints.hash(arrival.method as u64, template);
        match self.endpoints.find(hash, |known| known.is(arrival.method, template)) {
            Some(slot) => self.endpoints.key(slot)?.counted_for,
            None => self.new_endpoint(arrival.method, template, hash),
        }
    }

    #[cold]
    fn new_endpoint(&self, method: Method, template: &str, hash: u64) -> Option<Slot> {
        if !Route::accepts(template) {
            self.hits_refused.fetch_add(1, Ordering::Relaxed);
            return self.reserved(method, &self.refused);
        }
        let group = match self.limits.patterns.treatment(template) {
            Treatment::Count => None,
            Treatment::CountAs(group) => Some(self.grouped(method, group)?),
            Treatment::Ignore => {
                self.insert(hash, method, template, |_| None);
                return None;
            }
        };
        if let Some(slot) = self.insert(hash, method, template, |own| group.or(Some(own))) {
            return self.endpoints.key(slot)?.counted_for;
        }
        group.or_else(|| self.overflowed(method))
    }

    fn insert(
        &self,
        hash: u64,
        method: Method,
        template: &str,
        counted_for: impl FnOnce(Slot) -> Option<Slot>,
    ) -> Option<Slot> {
        let is_key = |known: &Known| known.is(method, template);
        if self.endpoints.is_full(self.limits.max_endpoints) {
            // It may be the one that another thread has just added last.
            return self.endpoints.find(hash, is_key);
        }
        let route = Route::new(template).ok()?;
        self.endpoints.find_or_insert(hash, self.limits.max_endpoints, is_key, |own| Known {
            method,
            route,
            counted_for: counted_for(own),
        })
    }

    fn grouped(&self, method: Method, group: &Route) -> Option<Slot> {
        let hash = self.endpoints.hash(method as u64, group.as_str());
        self.endpoints
            .find(hash, |known| known.is(method, group.as_str()))
            .or_else(|| self.insert(hash, method, group.as_str(), Some))
            .or_else(|| self.overflowed(method))
    }

    fn overflowed(&self, method: Method) -> Option<Slot> {
        self.hits_folded.fetch_add(1, Ordering::Relaxed);
        self.reserved(method, &self.overflow)
    }

    /// The reserved keys have room beyond the limit.
    fn reserved(&self, method: Method, route: &Route) -> Option<Slot> {
        let hash = self.endpoints.hash(method as u64, route.as_str());
        let is_key = |known: &Known| known.is(method, route.as_str());
        self.endpoints.find(hash, is_key).or_else(|| {
            self.endpoints.find_or_insert(hash, usize::MAX, is_key, |own| Known {
                method,
                route: route.clone(),
                counted_for: Some(own),
            })
        })
    }

    /// Finds the consumer of an endpoint that a request counts for.
    pub(super) fn consumer(&self, endpoint: Slot, name: &str) -> Option<Slot> {
        let hash = self.consumers.hash(endpoint.index() as u64, name);
        self.consumers.find(hash, |(of, known)| *of == endpoint && known.as_str() == name).or_else(|| {
            let name = ConsumerName::new(name).ok();
            name.and_then(|name| self.new_consumer(endpoint, &name, self.limits.max_consumers))
                .or_else(|| self.new_consumer(endpoint, &ConsumerName::overflow(), usize::MAX))
        })
    }

    fn new_consumer(&self, endpoint: Slot, name: &ConsumerName, limit: usize) -> Option<Slot> {
        let hash = self.consumers.hash(endpoint.index() as u64, name.as_str());
        let is_key = |(of, known): &(Slot, ConsumerName)| *of == endpoint && known == name;
        self.consumers.find_or_insert(hash, limit, is_key, |_| (endpoint, name.clone()))
    }

    /// The endpoints that hits are counted for.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = (Slot, &Known)> {
        self.endpoints.iter().filter(|(slot, known)| known.counted_for == Some(*slot))
    }

    /// The endpoints at a route, one a method.
    pub(super) fn endpoints_at(&self, route: &str) -> impl Iterator<Item = Slot> {
        Method::ALL.into_iter().filter_map(move |method| {
            let hash = self.endpoints.hash(method as u64, route);
            self.endpoints.find(hash, |known| known.is(method, route) && known.counted_for.is_some())
        })
    }

    pub(super) fn consumers(&self) -> impl Iterator<Item = (Slot, &(Slot, ConsumerName))> {
        self.consumers.iter()
    }

    pub(super) fn max_endpoints(&self) -> usize {
        self.limits.max_endpoints
    }

    pub(super) fn endpoint_capacity(&self) -> usize {
        self.endpoints.capacity()
    }

    pub(super) fn consumer_capacity(&self) -> usize {
        self.consumers.capacity()
    }

    /// Hits that were counted under the overflow key.
    pub(super) fn folded(&self) -> u64 {
        self.hits_folded.load(Ordering::Relaxed)
    }

    /// Hits whose template was refused.
    pub(super) fn refused(&self) -> u64 {
        self.hits_refused.load(Ordering::Relaxed)
    }
}

impl Known {
    fn is(&self, method: Method, template: &str) -> bool {
        self.method == method && self.route.as_str() == template
    }
}
