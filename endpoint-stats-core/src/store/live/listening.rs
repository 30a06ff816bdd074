//! [`ListeningStore`]: tells a feed what a store takes.

use async_trait::async_trait;

use super::LiveFeed;
use crate::endpoint::Endpoint;
use crate::store::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError, WriterId,
    WriterState,
};
use crate::window::Timestamp;

/// A store that tells a [`LiveFeed`] of each batch that it takes, once.
#[derive(Debug)]
pub struct ListeningStore<S> {
    store: S,
    feed: LiveFeed,
}

impl<S> ListeningStore<S> {
    pub(super) fn new(store: S, feed: LiveFeed) -> Self {
        Self { store, feed }
    }
}

#[async_trait]
impl<S: StatsStore> StatsStore for ListeningStore<S> {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let applied = self.store.apply(batch).await?;
        if applied == Applied::Applied {
            self.feed.note(&batch.deltas);
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
