//! [`EndpointStats`]: recorder, layer and flusher put together.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::aggregate::{Aggregator, Limits};
use crate::clock::{Clock, SystemClock};
use crate::endpoint::{Endpoint, InvalidName, Method, Route, ServiceName};
#[cfg(feature = "spool")]
use crate::flush::spool::Spool;
use crate::flush::{Books, BooksView, FleetView, FlushConfig, Flusher, ShutdownReport};
use crate::middleware::{EndpointStatsLayer, IdentifyFn, RequestHead};
use crate::store::{MemoryStore, StatsStore, StoreError};
use crate::telemetry::EndpointTotals;

/// The statistics of one service: a layer to add, a store that fills, and what is known so far.
#[derive(Debug)]
pub struct EndpointStats {
    aggregator: Aggregator,
    store: Arc<dyn StatsStore>,
    clock: Arc<dyn Clock>,
    flusher: Flusher,
}

/// Puts an [`EndpointStats`] together.
#[derive(Debug)]
pub struct EndpointStatsBuilder {
    service: ServiceName,
    store: Arc<dyn StatsStore>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    flush: FlushConfig,
    #[cfg(feature = "spool")]
    spool: Option<Spool>,
}

impl EndpointStats {
    /// Starts to put statistics together for a service; see the [crate's example](crate).
    pub fn builder(service: ServiceName) -> EndpointStatsBuilder {
        EndpointStatsBuilder {
            service,
            store: Arc::new(MemoryStore::default()),
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            flush: FlushConfig::default(),
            #[cfg(feature = "spool")]
            spool: None,
        }
    }

    /// The layer for `axum::Router::layer`.
    #[cfg(feature = "axum")]
    pub fn layer(&self) -> EndpointStatsLayer<Aggregator, crate::middleware::AxumRoutes> {
        EndpointStatsLayer::for_axum(self.aggregator.clone())
    }

    /// A layer that finds the route template of each request with a closure.
    ///
    /// See [`IdentifyEndpoint::identify`](crate::middleware::IdentifyEndpoint::identify) for what it may return.
    pub fn layer_fn<F>(&self, identify: F) -> EndpointStatsLayer<Aggregator, IdentifyFn<F>>
    where
        F: for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        EndpointStatsLayer::from_fn(self.aggregator.clone(), identify)
    }

    /// Tells the store which endpoints there are, so that those never called can be found.
    ///
    /// # Errors
    ///
    /// When a template is refused (nothing is registered then), or the store fails.
    pub async fn register(&self, routes: &[(Method, &str)]) -> Result<(), RegisterError> {
        let endpoints = routes
            .iter()
            .map(|(method, route)| Ok(Endpoint::new(self.aggregator.service().clone(), *method, Route::new(route)?)))
            .collect::<Result<Vec<_>, InvalidName>>()
            .map_err(RegisterError::Route)?;
        self.store.register(&endpoints, self.clock.now()).await.map_err(RegisterError::Store)
    }

    /// The recorder, for layers of other making.
    pub fn recorder(&self) -> &Aggregator {
        &self.aggregator
    }

    /// Where the windows are kept, to ask questions.
    pub fn store(&self) -> &Arc<dyn StatsStore> {
        &self.store
    }

    /// What all processes counted together, without asking the store.
    pub fn fleet(&self) -> &FleetView {
        self.flusher.fleet()
    }

    /// Where every hit is.
    pub fn books(&self) -> Books {
        self.flusher.books()
    }

    /// The same, for others to read while this one counts.
    pub fn books_view(&self) -> &BooksView {
        self.flusher.books_view()
    }

    /// What each endpoint counted since the process started, for Prometheus.
    pub fn totals(&self) -> &EndpointTotals {
        self.flusher.totals()
    }

    /// Writes what is left, within a deadline; call it after the server has stopped.
    pub async fn shutdown(self, deadline: Duration) -> ShutdownReport {
        self.flusher.shutdown(deadline).await
    }
}

impl EndpointStatsBuilder {
    /// Keeps windows in a store. Defaults to a [`MemoryStore`].
    #[must_use]
    pub fn with_store(mut self, store: impl StatsStore + 'static) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Keeps windows in a store that others hold too.
    #[must_use]
    pub fn with_shared_store(mut self, store: Arc<dyn StatsStore>) -> Self {
        self.store = store;
        self
    }

    /// Sets how much is kept apart.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how often and how much is written.
    #[must_use]
    pub fn with_flush(mut self, flush: FlushConfig) -> Self {
        self.flush = flush;
        self
    }

    /// Writes batches to a disk before they are sent, so that a crash loses none.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// # runtime.block_on(async {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path().join("spool");
    /// use std::time::Duration;
    ///
    /// use endpoint_stats_core::flush::spool::{Spool, SpoolOptions};
    /// use endpoint_stats_core::{EndpointStats, ServiceName};
    ///
    /// // What a run before this one could not send is sent first.
    /// let spool = Spool::open(folder, SpoolOptions::default())?;
    /// assert_eq!(spool.found().damages, 0);
    /// let stats = EndpointStats::builder(ServiceName::new("shop")?).with_spool(spool).start();
    ///
    /// let ended = stats.shutdown(Duration::from_secs(5)).await;
    /// assert_eq!(ended.books.spooled, 0);
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    #[cfg(feature = "spool")]
    #[must_use]
    pub fn with_spool(mut self, spool: Spool) -> Self {
        self.spool = Some(spool);
        self
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts counting and flushing.
    ///
    /// # Panics
    ///
    /// When called outside of a tokio runtime.
    pub fn start(self) -> EndpointStats {
        let aggregator = Aggregator::new(self.service, self.limits);
        let (counted, store, clock) = (aggregator.clone(), Arc::clone(&self.store), Arc::clone(&self.clock));
        #[cfg(feature = "spool")]
        let flusher = match self.spool {
            Some(spool) => Flusher::start_with_spool(counted, store, clock, self.flush, spool),
            None => Flusher::start(counted, store, clock, self.flush),
        };
        #[cfg(not(feature = "spool"))]
        let flusher = Flusher::start(counted, store, clock, self.flush);
        EndpointStats { aggregator, store: self.store, clock: self.clock, flusher }
    }
}

/// Says why endpoints could not be registered.
#[derive(Debug)]
pub enum RegisterError {
    /// A route template is refused.
    Route(InvalidName),
    /// The store failed.
    Store(StoreError),
}

impl std::fmt::Display for RegisterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed to register endpoints")
    }
}

impl std::error::Error for RegisterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Route(error) => Some(error),
            Self::Store(error) => Some(error),
        }
    }
}
