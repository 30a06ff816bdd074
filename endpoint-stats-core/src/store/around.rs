//! [`Around`]: a store that does something its own way and leaves the rest to another.

use async_trait::async_trait;

use super::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError, WriterId,
    WriterState,
};
use crate::endpoint::Endpoint;
use crate::window::Timestamp;

/// A store for tests that watches another one, fails in front of it or breaks its promises; what it does not say itself,
/// the other one does.
///
/// Whatever implements this is a [`StatsStore`].
#[async_trait]
pub trait Around: Send + Sync + std::fmt::Debug {
    /// The other store.
    fn inner(&self) -> &dyn StatsStore;

    /// See [`StatsStore::apply`].
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        self.inner().apply(batch).await
    }

    /// See [`StatsStore::query`].
    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        self.inner().query(query).await
    }

    /// See [`StatsStore::endpoints`].
    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.inner().endpoints().await
    }

    /// See [`StatsStore::roll_up`].
    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        self.inner().roll_up(now, retention).await
    }
}

#[async_trait]
impl<S: Around> StatsStore for S {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        Around::apply(self, batch).await
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        self.inner().writer(writer).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        Around::query(self, query).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        self.inner().register(endpoints, at).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        Around::endpoints(self).await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        Around::roll_up(self, now, retention).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.inner().health().await
    }
}
