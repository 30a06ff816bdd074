//! Many processes on one database.

use endpoint_stats_core::store::{Applied, Batch, Retention, StatsStore, WriterId};
use tokio::task::JoinSet;

use super::{DATABASE, NOON, PrivateStore, another, delta, total};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_connections_race_over_the_same_keys_without_a_deadlock() {
    const BATCHES: u64 = 40;
    let store = PrivateStore::start().await;
    let mut racing = JoinSet::new();
    for writer in 0..12_u64 {
        let store = another(&store.server).await;
        racing.spawn(async move {
            let id = WriterId::random();
            for seq in 1..=BATCHES {
                // Each writer names the same 60 keys, starting with another one.
                let keys = (0..60).map(|i| (i * 7 + writer * 5 + seq) % 60);
                let deltas = keys.map(|key| delta(&format!("/key-{key}"), NOON, 1)).collect();
                assert_eq!(store.apply(&Batch::new(id, seq, deltas)).await.unwrap(), Applied::Applied);
                if seq % 10 == 0 {
                    store.roll_up(NOON, &Retention::default()).await.unwrap();
                }
            }
        });
    }
    racing.join_all().await;

    assert_eq!(total(&*store).await, 12 * BATCHES * 60);
    let deadlocks = store.sql(&format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{DATABASE}'"));
    assert_eq!(deadlocks, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_roll_up_together_change_no_sum() {
    let store = PrivateStore::start().await;
    let id = WriterId::random();
    for seq in 1..=60 {
        let at = NOON.plus_secs(i64::try_from(seq).unwrap() * 50);
        store.apply(&Batch::new(id, seq, vec![delta("/a", at, 1), delta("/b", at, 2)])).await.unwrap();
    }

    let mut rolling = JoinSet::new();
    for _ in 0..3 {
        let replica = another(&store.server).await;
        rolling.spawn(async move {
            let mut moved = 0;
            for day in 1..=4 {
                let now = NOON.plus_secs(day * 86_400);
                moved += replica.roll_up(now, &Retention::default()).await.unwrap().moved;
                assert_eq!(total(&replica).await, 180);
            }
            moved
        });
    }
    let moved: u64 = rolling.join_all().await.into_iter().sum();

    assert!(moved >= 120, "{moved} windows moved");
    assert_eq!(total(&*store).await, 180);
    assert_eq!(store.sql("SELECT count(*) FROM window_10s"), "0");
}
