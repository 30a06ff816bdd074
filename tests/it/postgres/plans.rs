//! What PostgreSQL reads to answer the dashboard's questions, as its own `auto_explain` writes it down.

use std::collections::BTreeSet;

use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::store::{EndpointFilter, Retention, StatsQuery, StatsStore};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use endpoint_stats_core::{Outcome, Route};

use super::{DATABASE, NOON, PrivateStore, another};

const DAY: i64 = 86_400;

/// 1,000 endpoints with a sum a week and a day for 90 days, up to noon, and one an hour for the last three.
async fn ninety_days() -> PrivateStore {
    let store = PrivateStore::start().await;
    let end = NOON.as_unix();
    for days in [0, 30, 60, 90] {
        store.roll_up(Timestamp::from_unix(end - days * DAY), &Retention::default()).await.unwrap();
    }
    let counts = Counts { outcomes: [(Outcome::Status(200), 3)].into_iter().collect(), ..Counts::default() };
    let counts = counts.encode().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    store.sql(&format!(
        "INSERT INTO service (name) VALUES ('shop');
         INSERT INTO endpoint (service_id, method, route) SELECT 1, 'GET', '/r' || i FROM generate_series(1, 1000) AS i;
         INSERT INTO sum_1d SELECT start, id, start, start, 3, 0, '\\x{counts}'
         FROM endpoint, generate_series({end} / {DAY} * {DAY} - 90 * {DAY}, {end}, {DAY}) AS start;
         INSERT INTO sum_1w SELECT start, id, start, start, 3, 0, '\\x{counts}'
         FROM endpoint, generate_series({end} / (7 * {DAY}) * 7 * {DAY} - 91 * {DAY}, {end}, 7 * {DAY}) AS start;
         INSERT INTO sum_1h SELECT start, id, start, start, 3, 0, '\\x{counts}'
         FROM endpoint, generate_series({end} / {DAY} * {DAY} - 2 * {DAY}, {end}, 3600) AS start;"
    ));
    store.sql("VACUUM ANALYZE");
    for setting in ["session_preload_libraries = auto_explain", "auto_explain.log_min_duration = 0"] {
        store.server.psql("postgres", &format!("ALTER DATABASE {DATABASE} SET {setting}"));
    }
    store
}

/// The plans of one question, a text a statement.
async fn plans(store: &PrivateStore, query: &StatsQuery) -> Vec<String> {
    let explained = another(&store.server).await;
    let before = store.server.log().len();
    let report = explained.query(query).await.unwrap();
    assert!(report.totals.counts.hits() > 0);
    let log = log_up_to_now(store).split_off(before);
    log.split("Query Text:").skip(1).map(ToOwned::to_owned).collect()
}

/// The server's log: what it writes is read from a pipe, so its last line has to be waited for.
fn log_up_to_now(store: &PrivateStore) -> String {
    for i in 0..100 {
        store.sql(&format!("SELECT 'end of the questions, {i}', pg_sleep(0.02)"));
        let log = store.server.log();
        if log.contains("end of the questions") {
            return log;
        }
    }
    panic!("the log does not go on");
}

/// The plan of the statement that reads what was counted.
fn reading(plans: &[String]) -> &str {
    let mut reading = plans.iter().filter(|plan| plan.contains("last_at, counts FROM window_"));
    let found = reading.next().unwrap_or_else(|| panic!("no statement reads counts: {plans:#?}"));
    assert_eq!(reading.next(), None, "one statement reads them all");
    found
}

/// The partitions and indexes that a plan names, of one table.
fn touched<'a>(plan: &'a str, table: &str) -> BTreeSet<&'a str> {
    let words = plan.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with(&format!("{table}_"))).collect()
}

fn partitions<'a>(plan: &'a str, table: &str) -> Vec<&'a str> {
    touched(plan, table).into_iter().filter(|name| !name.ends_with("_idx") && !name.ends_with("_pkey")).collect()
}

#[tokio::test]
async fn thirty_days_of_a_thousand_endpoints_are_read_from_the_sums_of_weeks_and_days() {
    let store = ninety_days().await;
    let today = NOON.as_unix() / DAY * DAY;
    let range = TimeRange::new(Timestamp::from_unix(today - 30 * DAY), Timestamp::from_unix(today));

    let plans = plans(&store, &StatsQuery::over(range)).await;

    let plan = reading(&plans);
    for sums in ["sum_1w", "sum_1d"] {
        assert!(!partitions(plan, sums).is_empty(), "{sums}: {plan}");
    }
    assert!(!plan.contains("Seq Scan on sum_1d_from"), "{plan}");
    for narrow in ["sum_1h", "sum_1m", "window_10s"] {
        assert!(touched(plan, narrow).is_empty(), "{narrow} is not needed: {plan}");
    }
}

#[tokio::test]
async fn a_few_hours_touch_one_partition() {
    let store = ninety_days().await;
    let range = TimeRange::new(NOON.minus_secs(3 * 3_600), NOON);

    let plans = plans(&store, &StatsQuery::over(range)).await;

    let plan = reading(&plans);
    let hours = partitions(plan, "sum_1h");
    assert_eq!(hours.len(), 1, "{plan}");
    assert!(hours[0].starts_with("sum_1h_from_"), "{plan}");
    assert!(touched(plan, "sum_1d").is_empty(), "{plan}");
}

#[tokio::test]
async fn one_endpoint_over_ninety_days_is_found_by_index() {
    let store = ninety_days().await;
    let today = NOON.as_unix() / DAY * DAY;
    let range = TimeRange::new(Timestamp::from_unix(today - 90 * DAY), Timestamp::from_unix(today));
    let filter = EndpointFilter { route: Some(Route::new("/r77").unwrap()), ..EndpointFilter::default() };

    let plans = plans(&store, &StatsQuery::over(range).with_filter(filter).with_step_secs(DAY)).await;

    let plan = reading(&plans);
    assert!(plan.contains("endpoint_id = ANY"), "{plan}");
    assert!(touched(plan, "sum_1d").iter().any(|name| name.ends_with("_pkey")), "{plan}");
    assert!(!plan.contains("Seq Scan on sum_1d_from"), "{plan}");
}
