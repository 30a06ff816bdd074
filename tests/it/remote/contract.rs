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

endpoint_stats_core::store_conformance! { fresh_store;
    a_batch_is_there_once_applied,
    a_batch_sent_twice_counts_once,
    an_old_batch_is_a_duplicate,
    a_batch_raced_by_many_counts_once,
    a_skipped_number_is_a_gap_and_changes_nothing,
    an_unknown_writer_starts_at_one,
    the_same_number_with_other_content_is_a_conflict,
    a_batch_is_told_by_its_identity_if_it_has_one,
    the_number_zero_is_rejected,
    an_empty_batch_takes_its_number,
    a_checkpoint_is_kept_with_its_batch,
    two_writers_add_up,
    sketches_merge,
    consumers_add_up,
    an_empty_store_answers_with_nothing,
    a_range_counts_the_windows_it_touches,
    a_filter_selects_endpoints,
    a_series_adds_up_to_the_totals,
    first_and_last_hits_are_known,
    a_registered_endpoint_that_was_never_called_is_told,
    names_are_kept_to_the_letter,
    a_store_in_order_is_healthy,
}

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
