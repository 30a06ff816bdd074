//! [`Known`]: the endpoints and consumers that have keys of their own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use endpoint_stats_core::aggregate::{ConsumerCounts, ConsumerName, Delta};
use endpoint_stats_core::store::StatsStore;
use endpoint_stats_core::{Endpoint, Method, Route, ServiceName};
use foldhash::fast::RandomState;
use tokio::sync::OnceCell;

use super::Limits;
use crate::api_error::ApiError;

/// The endpoints and consumers that have keys of their own, as many as the limits allow.
///
/// It starts with the endpoints that the store knows, so that a restart takes no key away.
#[derive(Debug)]
pub(super) struct Known {
    limits: Limits,
    services: Mutex<HashMap<ServiceName, OfService, RandomState>>,
    is_loaded: OnceCell<()>,
}

#[derive(Debug, Default)]
struct OfService {
    endpoints: HashSet<(Method, Route), RandomState>,
    consumers: HashSet<ConsumerName, RandomState>,
}

// === impl Known ===

impl Known {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, services: Mutex::default(), is_loaded: OnceCell::new() }
    }

    /// Folds what is new beyond the limits, and says how many hits that were.
    ///
    /// # Errors
    ///
    /// 503 while the store cannot tell what it knows; 422 for a new service beyond the limit.
    pub(super) async fn fold(&self, store: &dyn StatsStore, deltas: &mut [Delta]) -> Result<u64, ApiError> {
        self.is_loaded.get_or_try_init(|| self.load(store)).await?;
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let mut folded: u64 = 0;
        for delta in deltas {
            let service = self.service(&mut services, delta.endpoint.service())?;
            if !service.keeps(&delta.endpoint, self.limits.endpoints_per_service) {
                folded = folded.saturating_add(delta.counts.hits());
                delta.endpoint = overflow_of(&delta.endpoint);
            }
            service.fold_consumers(&mut delta.counts.consumers, self.limits.consumers_per_service);
        }
        Ok(folded)
    }

    async fn load(&self, store: &dyn StatsStore) -> Result<(), ApiError> {
        let endpoints = store.endpoints().await.map_err(ApiError::from_store)?;
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        for endpoint in endpoints.into_iter().map(|status| status.endpoint) {
            services.entry(endpoint.service().clone()).or_default().add(&endpoint);
        }
        Ok(())
    }

    fn service<'a>(
        &self,
        services: &'a mut HashMap<ServiceName, OfService, RandomState>,
        name: &ServiceName,
    ) -> Result<&'a mut OfService, ApiError> {
        if !services.contains_key(name) && services.len() >= self.limits.services {
            return Err(too_many_services(services.len(), name));
        }
        Ok(services.entry(name.clone()).or_default())
    }
}

// === impl OfService ===

impl OfService {
    /// Whether an endpoint has a key of its own, from now on if there is room.
    fn keeps(&mut self, endpoint: &Endpoint, max: usize) -> bool {
        if endpoint.route().is_reserved() || self.endpoints.contains(&(endpoint.method(), endpoint.route().clone())) {
            return true;
        }
        self.endpoints.len() < max && self.add(endpoint)
    }

    fn add(&mut self, endpoint: &Endpoint) -> bool {
        !endpoint.route().is_reserved() && self.endpoints.insert((endpoint.method(), endpoint.route().clone()))
    }

    fn fold_consumers(&mut self, consumers: &mut BTreeMap<ConsumerName, ConsumerCounts>, max: usize) {
        if consumers.keys().all(|name| self.consumers.contains(name)) {
            return;
        }
        for (name, counts) in std::mem::take(consumers) {
            let is_kept =
                self.consumers.contains(&name) || self.consumers.len() < max && self.consumers.insert(name.clone());
            consumers.entry(if is_kept { name } else { ConsumerName::overflow() }).or_default().merge(counts);
        }
    }
}

/// The key that an endpoint without one of its own is counted under.
pub(super) fn overflow_of(endpoint: &Endpoint) -> Endpoint {
    Endpoint::new(endpoint.service().clone(), endpoint.method(), Route::overflow())
}

/// There is no room for one more service.
pub(super) fn too_many_services(known: usize, name: &ServiceName) -> ApiError {
    let message = format!("there are {known} services already; {name} would be one more");
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_services", message)
        .with_field("service")
        .with_hint("nothing was counted: send hits under the name of a service, not of a replica")
}
