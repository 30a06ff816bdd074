//! Sums beside the windows: made, read, and dropped in time.

use endpoint_stats_core::store::{EndpointFilter, Retention};
use endpoint_stats_core::window::TimeRange;

use super::*;

// The start of a day, an hour and a minute, in the middle of a week.
const MIDNIGHT: Timestamp = Timestamp::from_unix(1_699_833_600);
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Hits of two endpoints in each ten minutes of a day.
async fn day_of_hits(store: &SqliteStore) -> WriterId {
    let writer = WriterId::random();
    for (seq, secs) in (1..).zip((0..DAY).step_by(600)) {
        let at = MIDNIGHT.plus_secs(secs);
        let deltas = vec![one_hit("/users/{id}", at), one_hit("/orders", at)];
        assert_eq!(store.apply(&Batch::new(writer, seq, deltas)).await.unwrap(), Applied::Applied);
    }
    writer
}

fn one_hit(route: &str, at: Timestamp) -> Delta {
    let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new(route).unwrap());
    let counts = Counts { outcomes: [(Outcome::Status(200), 1)].into_iter().collect(), ..Counts::default() };
    Delta { endpoint, window: Window::containing(at, Width::TenSeconds), first_at: at, last_at: at, counts }
}

/// Rolls nothing up, but makes sums of what is over by then.
async fn sum_up(store: &SqliteStore, now: Timestamp) {
    let for_ever = Retention { ten_seconds_secs: 1 << 40, minute_secs: 1 << 40, hour_secs: 1 << 40, day_secs: None };
    store.roll_up(now, &for_ever).await.unwrap();
}

fn summed(store: &SqliteStore, span_secs: i64) -> String {
    sqlite3(store.path(), &format!("SELECT count(*) FROM summed WHERE span_secs = {span_secs}")).trim().to_owned()
}

/// With the windows gone, an answer can only come from sums.
fn without_windows(store: &SqliteStore) {
    sqlite3(store.path(), "DELETE FROM endpoint_window");
}

fn that_day() -> StatsQuery {
    StatsQuery::over(TimeRange::new(MIDNIGHT, MIDNIGHT.plus_secs(DAY)))
}

#[tokio::test]
async fn what_is_over_has_sums_and_answers_come_from_them() {
    let store = fresh().await;
    day_of_hits(&store).await;
    let before = store.query(&that_day()).await.unwrap();

    sum_up(&store, MIDNIGHT.plus_secs(DAY + 120)).await;

    assert_eq!([summed(&store, 60), summed(&store, HOUR), summed(&store, DAY)], ["144", "24", "1"]);
    assert_eq!(summed(&store, 7 * DAY), "0", "the week is not over");
    without_windows(&store);
    assert_eq!(store.query(&that_day()).await.unwrap(), before);
}

#[tokio::test]
async fn a_span_that_is_not_over_has_no_sums() {
    let store = fresh().await;
    day_of_hits(&store).await;

    sum_up(&store, MIDNIGHT.plus_secs(2 * HOUR + 30)).await;

    assert_eq!([summed(&store, HOUR), summed(&store, DAY)], ["1", "0"]);
}

#[tokio::test]
async fn one_endpoint_and_a_series_are_answered_from_sums_too() {
    let store = fresh().await;
    day_of_hits(&store).await;
    let filter = EndpointFilter { route: Some(Route::new("/orders").unwrap()), ..EndpointFilter::default() };
    let question = that_day().with_filter(filter).with_step_secs(2 * HOUR);
    let before = store.query(&question).await.unwrap();

    sum_up(&store, MIDNIGHT.plus_secs(DAY + 120)).await;
    without_windows(&store);

    let after = store.query(&question).await.unwrap();
    assert_eq!(after.totals.counts.hits(), 144);
    assert_eq!(after.series.len(), 12);
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_late_batch_is_in_the_answer_at_once_and_in_sums_later() {
    let store = fresh().await;
    let writer = day_of_hits(&store).await;
    let now = MIDNIGHT.plus_secs(DAY + 120);
    sum_up(&store, now).await;

    store.apply(&Batch::new(writer, 145, vec![one_hit("/late", MIDNIGHT.plus_secs(HOUR))])).await.unwrap();

    assert_eq!([summed(&store, 60), summed(&store, HOUR), summed(&store, DAY)], ["143", "23", "0"]);
    assert_eq!(store.query(&that_day()).await.unwrap().totals.counts.hits(), 289);
    sum_up(&store, now).await;
    without_windows(&store);
    assert_eq!(store.query(&that_day()).await.unwrap().totals.counts.hits(), 289);
}

#[tokio::test]
async fn a_roll_up_leaves_wider_sums_alone() {
    let store = fresh().await;
    day_of_hits(&store).await;
    sum_up(&store, MIDNIGHT.plus_secs(DAY + 120)).await;
    // A sum that is made again does not have this mark.
    sqlite3(store.path(), "UPDATE sum SET last_at = 7 WHERE span_secs = 86400");

    // Ten seconds become minutes, minutes become hours.
    store.roll_up(MIDNIGHT.plus_secs(5 * DAY), &Retention::default()).await.unwrap();

    assert_eq!([summed(&store, 60), summed(&store, HOUR), summed(&store, DAY)], ["0", "0", "1"]);
    let marked = sqlite3(store.path(), "SELECT count(*) FROM sum WHERE span_secs = 86400 AND last_at = 7");
    assert_eq!(marked.trim(), "2");
    without_windows(&store);
    assert_eq!(store.query(&that_day()).await.unwrap().totals.counts.hits(), 288);
}

#[tokio::test]
async fn a_sum_that_cannot_be_read_is_made_again() {
    let store = fresh().await;
    day_of_hits(&store).await;
    let now = MIDNIGHT.plus_secs(DAY + 120);
    sum_up(&store, now).await;
    sqlite3(store.path(), "UPDATE sum SET counts = x'00ff' WHERE span_secs = 86400");

    assert_eq!(store.query(&that_day()).await.unwrap().totals.counts.hits(), 288);

    sum_up(&store, now).await;
    assert_eq!(summed(&store, DAY), "1");
    assert_eq!(sqlite3(store.path(), "SELECT count(*) FROM damaged_window").trim(), "0");
}
