//! The contract of every store, and the comparison with memory.
//!
//! Three promises are about rolling up, which is the server's. One is about counts near the end of numbers, which no
//! service has and the server refuses.

use std::ops::Deref;
use std::sync::Arc;

use endpoint_stats_core::store::conformance::answers_like_memory;
use endpoint_stats_core::store::{Batch, MemoryStore, Retention, RolledUp, SqliteStore, StatsStore, WriterId};
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use super::PrivateStore;
use crate::random_batches::scenario;
use crate::small_batches::{NOON, batch, total};

/// A server over SQLite, and its folder.
struct OverSqlite {
    store: PrivateStore,
    _folder: TempDir,
}

impl Deref for OverSqlite {
    type Target = dyn StatsStore;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

async fn fresh_store() -> OverSqlite {
    let folder = tempfile::tempdir().unwrap();
    let kept = SqliteStore::open(folder.path().join("stats.db")).await.unwrap();
    OverSqlite { store: PrivateStore::over(Arc::new(kept)).await, _folder: folder }
}

endpoint_stats_core::store_conformance!(fresh_store, hands_on);

#[tokio::test]
async fn rolling_up_is_left_to_the_server() {
    let kept = Arc::new(MemoryStore::default());
    let store = PrivateStore::over(kept.clone()).await;
    store.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();
    let later = NOON.plus_secs(86_400);

    let done = store.roll_up(later, &Retention::default()).await.unwrap();

    assert_eq!((done, total(&*store).await), (RolledUp::default(), 3));
    assert_eq!(kept.roll_up(later, &Retention::default()).await.unwrap().moved, 1);
}

/// The server refuses deltas that count nothing at all.
fn without_empty_deltas(mut batch: Batch) -> Batch {
    batch.deltas.retain(|delta| !delta.counts.is_empty());
    batch
}

#[test]
fn random_batches_are_answered_as_memory_answers_them() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&scenario(), |(batches, _)| {
            let batches: Vec<_> = batches.into_iter().map(without_empty_deltas).collect();
            runtime.block_on(async {
                let store = PrivateStore::over(Arc::new(MemoryStore::default())).await;
                answers_like_memory(&*store, &batches, &[]).await;
            });
            Ok(())
        })
        .unwrap();
}
