//! A batch counts from the moment it is taken, settled or not.

use std::time::Duration;

use endpoint_stats_core::store::{Applied, Batch, Retention, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::TimeRange;

use super::{NOON, PrivateStore, another, batch, total};

const NOTHING_EXPIRES: endpoint_stats_core::window::Timestamp = NOON;

#[tokio::test]
async fn a_batch_counts_before_and_after_it_is_settled() {
    let store = PrivateStore::start().await;
    store.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();
    let query = StatsQuery::over(TimeRange::ALL).with_step_secs(10);
    let arrived = store.query(&query).await.unwrap();
    let known = store.endpoints().await.unwrap();

    store.roll_up(NOTHING_EXPIRES, &Retention::default()).await.unwrap();

    assert_eq!(store.sql("SELECT count(*) FROM arrival"), "0");
    assert_eq!(store.query(&query).await.unwrap(), arrived);
    assert_eq!(store.endpoints().await.unwrap(), known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_waited_long_is_settled_by_itself() {
    let store = PrivateStore::start().await;
    store.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();
    store.sql("UPDATE arrival SET taken_at = now() - interval '10 s'");

    wait_until_settled(&store);

    assert_eq!(store.sql("SELECT sum(hits) FROM window_10s"), "3");
    assert_eq!(total(&*store).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lot_that_waits_is_settled_by_itself() {
    let store = PrivateStore::start().await;
    let deltas = (0..4_000).map(|i| super::delta(&format!("/{}/{i}", "a".repeat(60)), NOON, 3)).collect();
    store.apply(&Batch::new(WriterId::random(), 1, deltas)).await.unwrap();

    wait_until_settled(&store);

    assert_eq!(store.sql("SELECT sum(hits) FROM window_10s"), "12000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_batches_wait_for_more_that_go_to_the_same_windows() {
    let store = PrivateStore::start().await;
    store.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();

    let waiting = store.sql("SELECT pg_sleep(2.5); SELECT count(*) FROM arrival").trim().to_owned();

    assert_eq!(waiting, "1");
}

fn wait_until_settled(store: &PrivateStore) {
    let waiting = (0..100).map(|_| store.sql("SELECT pg_sleep(0.1); SELECT count(*) FROM arrival"));
    assert!(waiting.into_iter().any(|waiting| waiting.trim() == "0"), "batches are still waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_up_ends_while_batches_keep_coming() {
    let store = PrivateStore::start().await;
    store.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();
    let flushing: Vec<_> = (0..4)
        .map(|_| {
            let (store, writer) = (store.clone(), WriterId::random());
            tokio::spawn(async move {
                for seq in 1.. {
                    store.apply(&batch(writer, seq, 1)).await.unwrap();
                }
            })
        })
        .collect();

    let retention = Retention::default();
    let moving = store.roll_up(NOON.plus_secs(86_400), &retention);
    let moved = tokio::time::timeout(Duration::from_secs(20), moving).await.map(|rolled_up| rolled_up.unwrap().moved);
    flushing.iter().for_each(tokio::task::JoinHandle::abort);

    assert!(moved.as_ref().is_ok_and(|moved| *moved > 0), "{moved:?}");
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_put_aside_and_holds_up_nothing() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 3)).await.unwrap();
    store.sql("UPDATE arrival SET deltas = '\\xff'");

    assert_eq!(store.apply(&batch(writer, 2, 4)).await.unwrap(), Applied::Applied);
    store.roll_up(NOTHING_EXPIRES, &Retention::default()).await.unwrap();

    assert_eq!(total(&*store).await, 4);
    let dead = store.sql("SELECT seq, reason, deltas FROM dead_letter");
    assert_eq!(dead, "1|damaged batch: unknown version|\\xff");
}

#[tokio::test]
async fn a_damaged_window_is_set_aside_and_holds_up_nothing() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    for (seq, at) in [(1, NOON), (2, NOON.plus_secs(10))] {
        let batch = Batch::new(writer, seq, vec![super::delta("/a", at, 3)]);
        store.apply(&batch).await.unwrap();
    }
    store.roll_up(NOTHING_EXPIRES, &Retention::default()).await.unwrap();
    store.sql(&format!("UPDATE window_10s SET counts = '\\xff' WHERE start = {}", NOON.as_unix()));

    let narrow = StatsQuery::over(TimeRange::new(NOON, NOON.plus_secs(20)));
    assert_eq!(store.query(&narrow).await.unwrap().totals.counts.hits(), 3);

    assert_eq!(total(&*store).await, 3, "the sums no longer hold it either");
    assert_eq!(store.sql("SELECT reason FROM damaged_window"), "damaged counts: unknown version");
}

#[tokio::test]
async fn damaged_windows_below_a_damaged_sum_are_set_aside_together() {
    let store = PrivateStore::start().await;
    let deltas = (0..3).map(|i| super::delta("/a", NOON.plus_secs(10 * i), 3)).collect();
    store.apply(&Batch::new(WriterId::random(), 1, deltas)).await.unwrap();
    store.roll_up(NOTHING_EXPIRES, &Retention::default()).await.unwrap();
    store.sql("UPDATE sum_1d SET counts = '\\xff'; UPDATE sum_1m SET counts = '\\xff'");
    store.sql(&format!("UPDATE window_10s SET counts = '\\xff' WHERE start > {}", NOON.as_unix()));

    let day = TimeRange::new(NOON.minus_secs(43_200), NOON.plus_secs(43_200));
    let report = store.query(&StatsQuery::over(day)).await.unwrap();

    assert_eq!(report.totals.counts.hits(), 3);
    assert_eq!(store.sql("SELECT count(*) FROM damaged_window"), "2");
    assert_eq!(total(&*store).await, 3);
}

#[tokio::test]
async fn sums_hold_what_the_narrower_windows_hold() {
    let store = PrivateStore::start().await;
    let other = another(&store.server).await;
    let (a, b) = (WriterId::random(), WriterId::random());
    for seq in 1..=40 {
        let at = NOON.plus_secs(i64::try_from(seq).unwrap() * 97);
        for (store, writer) in [(&*store, a), (&other, b)] {
            let batch = Batch::new(writer, seq, vec![super::delta("/a", at, seq)]);
            store.apply(&batch).await.unwrap();
        }
    }
    // In the middle of a minute, so that part of it moves.
    for hours in [0, 6, 7, 80, 24 * 100, 24 * 500] {
        let now = NOON.plus_secs(hours * 3_600 + 1_234);
        store.roll_up(now, &Retention::default()).await.unwrap();

        for (sums, narrower, secs) in [
            ("sum_1m", "SELECT * FROM window_10s", 60),
            ("sum_1h", "SELECT * FROM window_10s UNION ALL SELECT * FROM window_1m", 3_600),
            (
                "sum_1d",
                "SELECT * FROM window_10s UNION ALL SELECT * FROM window_1m UNION ALL SELECT * FROM window_1h",
                86_400,
            ),
            (
                "sum_1w",
                "SELECT * FROM window_10s UNION ALL SELECT * FROM window_1m UNION ALL SELECT * FROM window_1h
                 UNION ALL SELECT * FROM window_1d",
                604_800,
            ),
        ] {
            let differ = store.sql(&format!(
                "WITH narrower AS (
                     SELECT start - start % {secs} AS start, endpoint_id, sum(hits) AS hits
                     FROM ({narrower}) AS rows GROUP BY 1, 2
                 )
                 SELECT count(*) FROM narrower FULL JOIN {sums} AS sums USING (start, endpoint_id)
                 WHERE narrower.hits IS DISTINCT FROM sums.hits"
            ));
            assert_eq!(differ, "0", "{sums} after {hours} hours");
        }
    }
}

#[tokio::test]
async fn writers_whose_time_is_over_are_forgotten_and_others_stay() {
    let store = PrivateStore::start().await;
    let of = |hours| Batch::new(WriterId::random(), 1, Vec::new()).remembered_for(Duration::from_hours(hours));
    let over = [of(1), of(1).with_checkpoint(vec![1])];
    let kept = [of(2), of(2).with_checkpoint(vec![1]), Batch::new(WriterId::random(), 1, Vec::new())];
    for batch in over.iter().chain(&kept) {
        store.apply(batch).await.unwrap();
    }
    store.sql("UPDATE writer SET forget_at = forget_at - interval '90 min'");
    store.sql(
        "INSERT INTO writer (id, last_seq, digest, last_seen, forget_at)
         SELECT gen_random_uuid(), 1, '', now() + interval '10 s', now() - interval '1 s' FROM generate_series(1, 10000)",
    );

    store.roll_up(NOTHING_EXPIRES, &Retention::default()).await.unwrap();

    for batch in &over {
        assert_eq!(store.writer(batch.writer).await.unwrap(), None);
    }
    for batch in &kept {
        assert!(store.writer(batch.writer).await.unwrap().is_some());
    }
    assert_eq!(store.sql("SELECT count(*) FROM writer"), "10003");
}
