//! [`ListeningStore`]: tells others what a store takes.

use async_trait::async_trait;

use crate::endpoint::Endpoint;
use crate::store::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError, WriterId,
    WriterState,
};
use crate::telemetry::EndpointTotals;
use crate::window::Timestamp;

/// Wants to know what a store takes.
pub trait Listener: Send + Sync + std::fmt::Debug {
    /// Hears of a batch that was applied; of one that was there already it does not.
    fn applied(&self, batch: &Batch);
}

/// A store that tells a [`Listener`] of each batch that it takes, once.
#[derive(Debug)]
pub struct ListeningStore<S, L> {
    store: S,
    listener: L,
}

impl<S, L> ListeningStore<S, L> {
    /// Tells a listener what a store takes from now on.
    pub fn new(store: S, listener: L) -> Self {
        Self { store, listener }
    }
}

impl Listener for EndpointTotals {
    fn applied(&self, batch: &Batch) {
        self.add_received(&batch.deltas);
    }
}

#[async_trait]
impl<S: StatsStore, L: Listener> StatsStore for ListeningStore<S, L> {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let applied = self.store.apply(batch).await?;
        if applied == Applied::Applied {
            self.listener.applied(batch);
        }
        Ok(applied)
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        self.store.writer(writer).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        self.store.query(query).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        self.store.register(endpoints, at).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.store.endpoints().await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        self.store.roll_up(now, retention).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.store.health().await
    }
}
