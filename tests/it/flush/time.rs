//! Clocks that jump: hits move to another window at worst, and none is lost or doubled.

use endpoint_stats_core::store::{Retention, StatsQuery, StatsStore};
use endpoint_stats_core::window::{TimeRange, Timestamp};

use super::faulty_store::{Fault, FaultyStore, times};
use super::writer::{NOON, Writer};

const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 24 * HOUR;

#[tokio::test(start_paused = true)]
async fn totals_stay_exact_while_the_clock_jumps() {
    let store = FaultyStore::new(|_| Fault::None).await;
    let writer = Writer::start(store.clone());
    let jumps = [1, -1, HOUR, -HOUR, 24 * HOUR, -24 * HOUR, 10 * YEAR, -10 * YEAR, 100 * YEAR, -1_700_049_600];

    let mut sent = 0;
    for (round, jump) in jumps.into_iter().enumerate() {
        store.set_faults(times(u32::from(round % 2 == 0), Fault::LoseReply));
        writer.clock.set(NOON.plus_secs(jump));
        writer.hit("/users/{id}", 3);
        sent += 3;
        writer.until_written(sent).await;
    }
    let books = writer.stop().await;

    assert_eq!((books.stored, store.hits().await), (sent, sent));
}

#[tokio::test(start_paused = true)]
async fn a_jump_moves_hits_to_the_windows_it_names_and_no_others() {
    let store = FaultyStore::new(|_| Fault::None).await;
    let writer = Writer::start(store.clone());
    let later = NOON.plus_secs(HOUR);

    for (at, hits) in [(NOON, 1), (later, 20), (NOON, 300)] {
        writer.clock.set(at);
        writer.hit("/users/{id}", hits);
        let sum = writer.flusher.books().observed + hits;
        writer.until_written(sum).await;
    }
    writer.stop().await;

    for (at, expected) in [(NOON, 301), (later, 20)] {
        let range = TimeRange::new(at, at.plus_secs(10));
        let report = store.query(&StatsQuery::over(range)).await.unwrap();
        assert_eq!(report.totals.counts.hits(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_roll_up_whose_clock_is_years_ahead_makes_no_batch_count_twice() {
    let store = FaultyStore::new(times(1, Fault::LoseReply)).await;
    let writer = Writer::start(store.clone());
    writer.hit("/users/{id}", 5);
    store.until(|seen| seen.lost_replies == 1).await;

    // Another process, with a clock that is wrong, rolls up before the batch is sent again.
    let years_ahead = Timestamp::from_unix(NOON.as_unix() + 60 * YEAR);
    store.roll_up(years_ahead, &Retention::default()).await.unwrap();
    writer.until_written(5).await;

    assert_eq!(store.seen().duplicates, 1);
    assert_eq!(store.hits().await, 5);
}
