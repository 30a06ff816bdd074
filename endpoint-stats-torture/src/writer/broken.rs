//! Stores that break a promise, to see that the oracle finds them out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use clap::ValueEnum;
use endpoint_stats_core::store::{Applied, Around, Batch, StatsStore, StoreError, WriterId};

/// Which promise is broken, for every third batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Broken {
    /// It is acknowledged and not stored.
    Loses,
    /// It is stored once more, as somebody else's.
    Doubles,
    /// One of its endpoints is left out.
    Forgets,
}

/// A store, or a broken one.
pub(super) fn broken(store: Arc<dyn StatsStore>, how: Option<Broken>) -> Arc<dyn StatsStore> {
    match how {
        Some(how) => Arc::new(BrokenStore { store, how, batches: AtomicU64::new(0) }),
        None => store,
    }
}

#[derive(Debug)]
struct BrokenStore {
    store: Arc<dyn StatsStore>,
    how: Broken,
    batches: AtomicU64,
}

#[async_trait]
impl Around for BrokenStore {
    fn inner(&self) -> &dyn StatsStore {
        &self.store
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        if self.batches.fetch_add(1, Ordering::Relaxed) % 3 != 2 {
            return self.store.apply(batch).await;
        }
        let mut batch = batch.clone();
        match self.how {
            Broken::Loses => return Ok(Applied::Applied),
            Broken::Doubles => drop(self.store.apply(&Batch::new(WriterId::random(), 1, batch.deltas.clone())).await),
            Broken::Forgets => drop(batch.deltas.pop()),
        }
        self.store.apply(&batch).await
    }
}
