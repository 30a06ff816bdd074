//! What becomes of a batch.

use std::time::Duration;

use super::{NOON, apply, delta, hits, one_batch, orders, report, total, users};
use crate::store::{Applied, Batch, Retention, StatsStore, StoreErrorKind, WriterId};

/// What was applied can be read back.
pub async fn a_batch_is_there_once_applied(store: &dyn StatsStore) {
    let counts = {
        let mut counts = hits(3);
        counts.request_bytes = 10;
        counts.response_bytes = 20;
        counts.latency.record(Duration::from_millis(5));
        counts.duration.record(Duration::from_millis(7));
        counts
    };

    apply(store, &one_batch(vec![delta(users(), NOON, counts.clone())])).await;

    let report = report(store).await;
    assert_eq!(report.endpoints.len(), 1);
    assert_eq!(report.endpoints[0].endpoint, users());
    assert_eq!(report.endpoints[0].summary.counts, counts);
    assert_eq!(report.totals.counts, counts);
}

/// A retry changes nothing.
pub async fn a_batch_sent_twice_counts_once(store: &dyn StatsStore) {
    let batch = one_batch(vec![delta(users(), NOON, hits(3))]);
    apply(store, &batch).await;

    assert_eq!(store.apply(&batch).await.expect("a retry is accepted"), Applied::Duplicate);
    assert_eq!(total(store).await, 3);
}

/// Nor does a batch that comes back late.
pub async fn an_old_batch_is_a_duplicate(store: &dyn StatsStore) {
    let first = one_batch(vec![delta(users(), NOON, hits(3))]);
    apply(store, &first).await;
    apply(store, &Batch::new(first.writer, 2, vec![delta(users(), NOON, hits(4))])).await;

    assert_eq!(store.apply(&first).await.expect("a retry is accepted"), Applied::Duplicate);
    assert_eq!(total(store).await, 7);
}

/// Nor do copies that arrive together.
pub async fn a_batch_raced_by_many_counts_once(store: &dyn StatsStore) {
    let batch = one_batch(vec![delta(users(), NOON, hits(3)), delta(orders(), NOON, hits(5))]);

    let (a, b, c, d) = tokio::join!(store.apply(&batch), store.apply(&batch), store.apply(&batch), store.apply(&batch));

    let answers = [a, b, c, d].map(|answer| answer.expect("a copy is accepted"));
    assert_eq!(answers.iter().filter(|answer| **answer == Applied::Applied).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Applied::Duplicate).count(), 3);
    assert_eq!(total(store).await, 8);
}

/// A writer whose batch got lost is told.
pub async fn a_skipped_number_is_a_gap_and_changes_nothing(store: &dyn StatsStore) {
    let first = one_batch(vec![delta(users(), NOON, hits(3))]);
    apply(store, &first).await;
    let third = Batch::new(first.writer, 3, vec![delta(users(), NOON, hits(4))]);

    assert_eq!(store.apply(&third).await.expect("a gap is an answer"), Applied::Gap { last_seq: 1 });
    assert_eq!(total(store).await, 3);
}

/// So is a writer that the store forgot.
pub async fn an_unknown_writer_starts_at_one(store: &dyn StatsStore) {
    let second = Batch::new(WriterId::random(), 2, vec![delta(users(), NOON, hits(4))]);

    assert_eq!(store.apply(&second).await.expect("a gap is an answer"), Applied::Gap { last_seq: 0 });
    assert_eq!(store.writer(second.writer).await.expect("the store answers"), None);
}

/// Two batches under one number are never added up.
pub async fn the_same_number_with_other_content_is_a_conflict(store: &dyn StatsStore) {
    let first = one_batch(vec![delta(users(), NOON, hits(3))]);
    apply(store, &first).await;
    let other = Batch::new(first.writer, 1, vec![delta(users(), NOON, hits(4))]);

    let error = store.apply(&other).await.expect_err("two contents under one number");

    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    assert_eq!(total(store).await, 3);
}

/// A batch with an identity is the same one although it was stamped anew; another identity is another batch.
pub async fn a_batch_is_told_by_its_identity_if_it_has_one(store: &dyn StatsStore) {
    let first = one_batch(vec![delta(users(), NOON, hits(3))]).identified_by([1; 32]);
    apply(store, &first).await;
    let again = |at| Batch::new(first.writer, 1, vec![delta(users(), at, hits(3))]);

    let stamped_anew = store.apply(&again(NOON.plus_secs(60)).identified_by([1; 32])).await.expect("the same batch");
    let another = store.apply(&again(NOON).identified_by([2; 32])).await.expect_err("another batch");

    assert_eq!(stamped_anew, Applied::Duplicate);
    assert_eq!(another.kind(), StoreErrorKind::Conflict);
    assert_eq!(total(store).await, 3);
}

/// Numbers start at 1.
pub async fn the_number_zero_is_rejected(store: &dyn StatsStore) {
    let zeroth = Batch::new(WriterId::random(), 0, vec![delta(users(), NOON, hits(3))]);

    let error = store.apply(&zeroth).await.expect_err("number 0");

    assert_eq!(error.kind(), StoreErrorKind::Rejected);
    assert_eq!(total(store).await, 0);
}

/// A batch without deltas still counts as sent.
pub async fn an_empty_batch_takes_its_number(store: &dyn StatsStore) {
    let empty = one_batch(Vec::new());
    apply(store, &empty).await;

    let state = store.writer(empty.writer).await.expect("the store answers").expect("the writer is known");
    assert_eq!(state.last_seq, 1);
}

/// A writer's progress and its counts are there together.
pub async fn a_checkpoint_is_kept_with_its_batch(store: &dyn StatsStore) {
    let first = one_batch(vec![delta(users(), NOON, hits(3))]).with_checkpoint(vec![1, 2, 3]);
    apply(store, &first).await;
    let skipped = Batch::new(first.writer, 3, Vec::new()).with_checkpoint(vec![9]);
    store.apply(&skipped).await.expect("a gap is an answer");

    let state = store.writer(first.writer).await.expect("the store answers").expect("the writer is known");

    assert_eq!(state.last_seq, 1);
    assert_eq!(state.checkpoint.as_deref(), Some([1, 2, 3].as_slice()));
}

/// A writer is remembered for its time at least, with a checkpoint or without one, whoever rolls up meanwhile.
pub async fn a_writer_is_remembered_for_its_time(store: &dyn StatsStore) {
    let batch = |count| one_batch(vec![delta(users(), NOON, hits(count))]).remembered_for(Duration::from_hours(1));
    let batches = [batch(3), batch(4).with_checkpoint(vec![1])];
    for batch in &batches {
        apply(store, batch).await;
    }

    store.roll_up(NOON, &Retention::default()).await.expect("the store rolls up");

    for batch in &batches {
        assert_eq!(store.apply(batch).await.expect("the batch is accepted"), Applied::Duplicate);
        let state = store.writer(batch.writer).await.expect("the store answers").expect("the writer is known");
        assert_eq!((state.last_seq, state.checkpoint.as_ref()), (1, batch.checkpoint.as_ref()));
    }
    assert_eq!(total(store).await, 7);
}

/// Health is good news when there is no bad.
pub async fn a_store_in_order_is_healthy(store: &dyn StatsStore) {
    store.health().await.expect("the store is healthy");
}
