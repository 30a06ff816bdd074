//! What others counted: batches, hits and OTLP metrics, over HTTP into the store.

use std::sync::Arc;

use axum::Router;
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::StatsStore;

/// Where what is sent goes.
#[derive(Clone, Debug)]
pub struct Ingest {
    /// The store, without a cache in front: what is taken here was not counted in this process.
    pub store: Arc<dyn StatsStore>,
    /// Stamps what comes without a time.
    pub clock: Arc<dyn Clock>,
}

impl Ingest {
    /// Sends what comes to a store, stamped by the clock of the machine.
    pub fn new(store: Arc<dyn StatsStore>) -> Self {
        Self { store, clock: Arc::new(SystemClock) }
    }
}

/// The routes that take something; each handler asks for a principal with the scope `ingest`.
pub fn router(ingest: Ingest) -> Router {
    Router::new().with_state(ingest)
}
