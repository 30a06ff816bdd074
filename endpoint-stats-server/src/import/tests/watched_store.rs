//! [`WatchedStore`]: a store in memory that keeps its batches, and fails when told to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use endpoint_stats_core::store::{Applied, Around, Batch, MemoryStore, StatsStore, StoreError, StoreErrorKind};
use tokio::sync::watch;

/// A store in memory that keeps its batches, and fails when told to.
#[derive(Debug)]
pub(super) struct WatchedStore {
    inner: MemoryStore,
    batches: Mutex<Vec<Batch>>,
    failures: Mutex<Vec<Failure>>,
    hits: watch::Sender<u64>,
    failed: watch::Sender<bool>,
}

/// How the batch with a number fails, once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// It is not applied.
    Rejected(u64),
    /// It is not applied, and nobody knows.
    Unavailable(u64),
    /// It is applied, and nobody knows.
    ReplyLost(u64),
}

impl WatchedStore {
    pub(super) fn new() -> Arc<Self> {
        Self::failing(&[])
    }

    pub(super) fn failing(failures: &[Failure]) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::default(),
            batches: Mutex::default(),
            failures: Mutex::new(failures.to_vec()),
            hits: watch::Sender::new(0),
            failed: watch::Sender::new(false),
        })
    }

    /// The batches that were applied.
    pub(super) fn batches(&self) -> Vec<Batch> {
        self.batches.lock().unwrap().clone()
    }

    /// Waits until so many hits are stored.
    pub(super) async fn wait_for_hits(&self, hits: u64) {
        self.hits.subscribe().wait_for(|stored| *stored >= hits).await.unwrap();
    }

    /// Waits until a batch failed.
    pub(super) async fn wait_for_failure(&self) {
        self.failed.subscribe().wait_for(|failed| *failed).await.unwrap();
    }

    fn failure(&self, seq: u64) -> Option<Failure> {
        let mut failures = self.failures.lock().unwrap();
        let of = |failure: &Failure| match failure {
            Failure::Rejected(of) | Failure::Unavailable(of) | Failure::ReplyLost(of) => *of == seq,
        };
        let at = failures.iter().position(of)?;
        self.failed.send_replace(true);
        Some(failures.remove(at))
    }

    async fn apply_and_watch(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let applied = self.inner.apply(batch).await?;
        if applied == Applied::Applied {
            self.batches.lock().unwrap().push(batch.clone());
            self.hits.send_modify(|hits| *hits += batch.hits());
        }
        Ok(applied)
    }
}

#[async_trait]
impl Around for WatchedStore {
    fn inner(&self) -> &dyn StatsStore {
        &self.inner
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        match self.failure(batch.seq) {
            None => self.apply_and_watch(batch).await,
            Some(Failure::Rejected(_)) => Err(StoreError::new(StoreErrorKind::Rejected, "write")),
            Some(Failure::Unavailable(_)) => Err(StoreError::new(StoreErrorKind::Unavailable, "write")),
            Some(Failure::ReplyLost(_)) => {
                self.apply_and_watch(batch).await?;
                Err(StoreError::new(StoreErrorKind::Unavailable, "read the reply"))
            }
        }
    }
}
