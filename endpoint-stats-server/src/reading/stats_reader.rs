//! [`StatsReader`]: the store, as far as a principal may see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::{EndpointStatus, SeriesPoint, StatsQuery, StatsReport, StatsStore, Summary};
use endpoint_stats_core::window::{TimeRange, Timestamp};

use crate::access::{Principal, Scope};
use crate::api_error::ApiError;

/// Answers questions, each as far as who asks may see.
#[derive(Clone, Debug)]
pub struct StatsReader {
    store: Arc<dyn StatsStore>,
    clock: Arc<dyn Clock>,
}

impl StatsReader {
    /// Reads from a store, by the clock of the machine.
    pub fn new(store: Arc<dyn StatsStore>) -> Self {
        Self { store, clock: Arc::new(SystemClock) }
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The current second.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Answers a question; a principal that is bound to services is answered as if there were no others.
    ///
    /// # Errors
    ///
    /// 403 for a principal that may not read, or asks for another's service; 503 when the store does not answer.
    pub async fn report(&self, principal: &Principal, query: &StatsQuery) -> Result<StatsReport, ApiError> {
        principal.need(Scope::Read)?;
        if let Some(service) = &query.filter.service {
            principal.need_service(service)?;
            return self.ask(query).await;
        }
        let Some(services) = principal.services() else {
            return self.ask(query).await;
        };
        let mut all = StatsReport::default();
        for service in services {
            all = together(all, self.ask(&of_service(query, service)).await?);
        }
        Ok(all)
    }

    /// Every known endpoint that the principal may see, in the order of their names.
    ///
    /// # Errors
    ///
    /// 403 for a principal that may not read; 503 when the store does not answer.
    pub async fn endpoints(&self, principal: &Principal) -> Result<Vec<EndpointStatus>, ApiError> {
        principal.need(Scope::Read)?;
        let mut endpoints = self.store.endpoints().await.map_err(ApiError::from_store)?;
        endpoints.retain(|status| principal.covers(status.endpoint.service()));
        Ok(endpoints)
    }

    async fn ask(&self, query: &StatsQuery) -> Result<StatsReport, ApiError> {
        self.store.query(query).await.map_err(ApiError::from_store)
    }
}

fn of_service(query: &StatsQuery, service: &ServiceName) -> StatsQuery {
    let mut query = query.clone();
    query.filter.service = Some(service.clone());
    query
}

/// The answer for the services of both; services come in the order of their names.
fn together(mut all: StatsReport, one: StatsReport) -> StatsReport {
    all.covered = match (all.covered, one.covered) {
        (Some(a), Some(b)) => Some(TimeRange::new(a.from.min(b.from), a.to.max(b.to))),
        (a, b) => a.or(b),
    };
    all.totals = Summary {
        first_at: all.totals.first_at.into_iter().chain(one.totals.first_at).min(),
        last_at: all.totals.last_at.max(one.totals.last_at),
        counts: {
            let mut counts = all.totals.counts;
            counts.merge(&one.totals.counts);
            counts
        },
    };
    all.endpoints.extend(one.endpoints);
    let mut series: BTreeMap<Timestamp, Counts> = BTreeMap::new();
    for point in all.series.into_iter().chain(one.series) {
        series.entry(point.start).or_default().merge(&point.counts);
    }
    all.series = series.into_iter().map(|(start, counts)| SeriesPoint { start, counts }).collect();
    all
}
