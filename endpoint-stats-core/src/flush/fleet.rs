//! [`FleetView`]: what all processes counted together, without asking the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use crate::aggregate::Aggregator;
use crate::endpoint::Endpoint;
use crate::sketch::capped_sum;
use crate::store::{Batch, EndpointStatus};

/// Hits over all time: those of other processes and earlier runs as the store had them a moment ago, and this
/// process's own as they are now, requests under way included.
///
/// Reading costs no round trip. A request that reads sees itself counted; a hit of this process is never counted
/// twice, whether it is in memory, under way to the store or there.
#[derive(Clone, Debug)]
pub struct FleetView {
    aggregator: Aggregator,
    others: Arc<RwLock<Others>>,
}

/// What all processes counted for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetCount {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its hits, and the requests under way in this process.
    pub hits: u64,
}

#[derive(Debug, Default)]
struct Others {
    by_endpoint: HashMap<Endpoint, u64>,
    own_by_route: HashMap<String, u64>,
}

/// Tells what is in the store from this process and what from others.
#[derive(Debug, Default)]
pub(super) struct OwnHits {
    stored: HashMap<Endpoint, u64>,
}

impl FleetView {
    pub(super) fn new(aggregator: Aggregator) -> Self {
        Self { aggregator, others: Arc::default() }
    }

    /// Hits at a route of this process's service, all methods together.
    pub fn hits_at(&self, route: &str) -> u64 {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        let stored = others.own_by_route.get(route).copied().unwrap_or(0);
        capped_sum(stored, self.aggregator.begun_at(route))
    }

    /// Hits of every endpoint of every service, in the order of their names.
    pub fn counts(&self) -> Vec<FleetCount> {
        let mut hits: BTreeMap<Endpoint, u64> = self.aggregator.begun().collect();
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        for (endpoint, stored) in &others.by_endpoint {
            match hits.get_mut(endpoint) {
                Some(own) => *own = capped_sum(*own, *stored),
                None => drop(hits.insert(endpoint.clone(), *stored)),
            }
        }
        let counts = hits.into_iter().map(|(endpoint, hits)| FleetCount { endpoint, hits });
        counts.filter(|count| count.hits > 0).collect()
    }

    /// Takes in what the store holds; `own` must be what the store held of this process when it was asked.
    pub(super) fn refresh(&self, stored: Vec<EndpointStatus>, own: &OwnHits) {
        let mut others = Others::default();
        for status in stored {
            let hits = status.hits.saturating_sub(own.stored.get(&status.endpoint).copied().unwrap_or(0));
            if status.endpoint.service() == self.aggregator.service() {
                *others.own_by_route.entry(status.endpoint.route().as_str().to_owned()).or_default() += hits;
            }
            others.by_endpoint.insert(status.endpoint, hits);
        }
        *self.others.write().unwrap_or_else(PoisonError::into_inner) = others;
    }
}

impl OwnHits {
    pub(super) fn add(&mut self, batch: &Batch) {
        for delta in &batch.deltas {
            let hits = self.stored.entry(delta.endpoint.clone()).or_default();
            *hits = capped_sum(*hits, delta.counts.hits());
        }
    }
}
