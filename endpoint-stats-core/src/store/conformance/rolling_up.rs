//! What time does to counts.

use std::time::Duration;

use super::{NOON, apply, delta, hits, one_batch, orders, report, total, users};
use crate::aggregate::{ConsumerCounts, ConsumerName};
use crate::store::{Retention, RolledUp, StatsStore};
use crate::window::{TimeRange, Width, Window};

/// Counts move into wider windows as time passes, and none is lost on the way.
pub async fn rolling_up_changes_no_sum(store: &dyn StatsStore) {
    for i in 0..200 {
        let mut counts = hits(1);
        counts.latency.record(Duration::from_millis(i));
        counts.consumers.insert(ConsumerName::overflow(), ConsumerCounts { hits: 1, ..ConsumerCounts::default() });
        let at = NOON.plus_secs(i64::try_from(i).unwrap_or(0) * 7);
        apply(store, &one_batch(vec![delta(users(), at, counts.clone()), delta(orders(), at, counts)])).await;
    }
    let before = report(store).await;
    let retention = Retention::default();

    for (days, step) in [(1, 60), (4, 3_600), (500, 86_400)] {
        let now = NOON.plus_secs(days * 86_400);
        let done = store.roll_up(now, &retention).await.expect("the store rolls up");
        assert!(done.moved > 0, "nothing moved after {days} days");
        assert_eq!(done.deleted, 0);
        assert_eq!(store.roll_up(now, &retention).await.expect("the store rolls up"), RolledUp::default());

        let after = report(store).await;
        assert_eq!(after.totals, before.totals, "after {days} days");
        assert_eq!(after.endpoints, before.endpoints, "after {days} days");
        let covered = after.covered.expect("something is counted");
        assert_eq!((covered.to.as_unix() - covered.from.as_unix()) % step, 0, "after {days} days");
    }
}

/// A batch from a long outage lands in narrow windows and moves with the next roll-up.
pub async fn a_late_batch_is_rolled_up_later(store: &dyn StatsStore) {
    let retention = Retention::default();
    let now = NOON.plus_secs(10 * 86_400);
    apply(store, &one_batch(vec![delta(users(), NOON, hits(3))])).await;
    store.roll_up(now, &retention).await.expect("the store rolls up");

    apply(store, &one_batch(vec![delta(users(), NOON, hits(4))])).await;
    assert_eq!(total(store).await, 7);
    store.roll_up(now, &retention).await.expect("the store rolls up");

    let found = report(store).await;
    assert_eq!(found.totals.counts.hits(), 7);
    let hour = Window::containing(NOON, Width::Hour);
    assert_eq!(found.covered, Some(TimeRange::new(hour.start(), hour.end())));
}

/// Windows past every retention go; the endpoint's own record stays.
pub async fn only_retention_deletes(store: &dyn StatsStore) {
    let retention = Retention { day_secs: Some(86_400 * 1_000), ..Retention::default() };
    apply(store, &one_batch(vec![delta(users(), NOON, hits(3))])).await;
    let kept = NOON.plus_secs(86_400 * 990);
    store.roll_up(kept, &retention).await.expect("the store rolls up");
    assert_eq!(total(store).await, 3);

    let done = store.roll_up(NOON.plus_secs(86_400 * 1_002), &retention).await.expect("the store rolls up");

    assert_eq!(done.deleted, 1);
    assert_eq!(total(store).await, 0);
    assert_eq!(store.endpoints().await.expect("the store answers")[0].hits, 3);
}
