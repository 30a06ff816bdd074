//! Many processes on one database.

use endpoint_stats_core::store::{Applied, Batch, Retention, StatsStore, StoreErrorKind, WriterId};
use tokio::task::JoinSet;

use super::{DATABASE, NOON, PrivateStore, another, delta, total, until_gone};
use crate::support::postgres::PostgresServer;

const BATCHES: u64 = 40;

/// Each store writes batches that name the same 60 keys and rolls up in between; says how many batches were refused.
pub(crate) async fn race_over_the_same_keys<S: StatsStore + 'static>(stores: Vec<S>) -> u64 {
    let mut racing = JoinSet::new();
    for (writer, store) in (0..).zip(stores) {
        racing.spawn(async move {
            let id = WriterId::random();
            let mut refused = 0;
            for seq in 1..=BATCHES {
                let keys = (0..60).map(|i| (i * 7 + writer * 5 + seq) % 60);
                let deltas = keys.map(|key| delta(&format!("/key-{key}"), NOON, 1)).collect();
                let answer = store.apply(&Batch::new(id, seq, deltas)).await;
                refused += u64::from(!matches!(answer, Ok(Applied::Applied)));
                if seq % 10 == 0 {
                    roll_up(&store).await;
                }
            }
            refused
        });
    }
    racing.join_all().await.into_iter().sum()
}

/// Rolls up, also where others hold the lock for longer than it waits; of deadlocks the server keeps count.
async fn roll_up(store: &dyn StatsStore) {
    let mut tries = 0;
    while let Err(error) = store.roll_up(NOON, &Retention::default()).await {
        tries += 1;
        assert!(error.kind() == StoreErrorKind::Unavailable && tries < 20, "{error:?}");
    }
}

/// The deadlocks of all sessions, which say so at the latest when they end.
pub(crate) fn deadlocks(server: &PostgresServer) -> u64 {
    until_gone(server, "endpoint-stats");
    let sql = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{DATABASE}'");
    server.psql(DATABASE, &sql).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_connections_race_over_the_same_keys_without_a_deadlock() {
    let PrivateStore { store, server } = PrivateStore::start().await;
    let mut stores = Vec::new();
    for _ in 0..12 {
        stores.push(another(&server).await);
    }

    let refused = race_over_the_same_keys(stores).await;

    assert_eq!(total(&store).await, 12 * BATCHES * 60);
    drop(store);
    assert_eq!((refused, deadlocks(&server)), (0, 0));
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
