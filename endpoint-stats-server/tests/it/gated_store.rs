//! [`GatedStore`]: a store whose answers can be held back, or lost on their way.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use endpoint_stats_core::Endpoint;
use endpoint_stats_core::store::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    StoreErrorKind, WriterId, WriterState,
};
use endpoint_stats_core::window::Timestamp;
use tokio::sync::watch;

/// A store whose batches wait at a gate, and whose answers can be lost after a batch was applied.
#[derive(Debug)]
pub(crate) struct GatedStore<S> {
    inner: S,
    is_open: watch::Sender<bool>,
    calls: watch::Sender<u64>,
    to_lose: AtomicU64,
    to_panic: AtomicU64,
}

impl<S> GatedStore<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            is_open: watch::Sender::new(true),
            calls: watch::Sender::new(0),
            to_lose: AtomicU64::new(0),
            to_panic: AtomicU64::new(0),
        }
    }

    pub(crate) fn close(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Loses the next answers to batches that were applied.
    pub(crate) fn lose_replies(&self, count: u64) {
        self.to_lose.store(count, Ordering::SeqCst);
    }

    /// Panics after the next batch was applied.
    pub(crate) fn panic_once(&self) {
        self.to_panic.store(1, Ordering::SeqCst);
    }

    /// How many batches came to the gate.
    pub(crate) fn calls(&self) -> u64 {
        *self.calls.borrow()
    }

    pub(crate) async fn wait_for_calls(&self, calls: u64) {
        self.calls.subscribe().wait_for(|seen| *seen >= calls).await.expect("the store is there");
    }
}

#[async_trait]
impl<S: StatsStore> StatsStore for GatedStore<S> {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        self.calls.send_modify(|calls| *calls += 1);
        self.is_open.subscribe().wait_for(|is_open| *is_open).await.expect("the store is there");
        let applied = self.inner.apply(batch).await?;
        assert_eq!(self.to_panic.swap(0, Ordering::SeqCst), 0, "the store is broken, as the test asked for");
        let is_lost = self.to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_lost { Err(StoreError::new(StoreErrorKind::Unavailable, "hear the answer")) } else { Ok(applied) }
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        self.inner.writer(writer).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        self.inner.query(query).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        self.inner.register(endpoints, at).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.inner.endpoints().await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        self.inner.roll_up(now, retention).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.inner.health().await
    }
}
