//! The promises of every [`StatsStore`], as tests to run against one.
//!
//! [`store_conformance!`](crate::store_conformance) makes a test of each function here; each is given a store of its
//! own. [`answers_like_memory`] sends the same batches to a store and to [`MemoryStore`] and compares every answer.
//!
//! ```
//! // In a crate's tests, with tokio's `macros` and `rt`:
//! async fn fresh_store() -> Box<endpoint_stats_core::store::MemoryStore> {
//!     Box::default()
//! }
//!
//! endpoint_stats_core::store_conformance!(fresh_store);
//! # fn main() {}
//! ```

#![expect(clippy::missing_panics_doc, reason = "a test panics when its promise is broken")]

use std::sync::Arc;
use std::time::Duration;

use super::{
    Applied, Batch, EndpointFilter, MemoryStore, Retention, RolledUp, StatsQuery, StatsReport, StatsStore,
    StoreErrorKind, WriterId,
};
use crate::aggregate::{ConsumerCounts, ConsumerName, Counts, Delta};
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::hit::{Hit, Outcome};
use crate::sketch::CallerHash;
use crate::window::{TimeRange, Timestamp, Width, Window};

/// Makes a test of each promise in [`conformance`](crate::store::conformance), for the stores that an async function
/// makes: a `Box` or `Arc` of one, or anything else that derefs to a store and cleans up when it is dropped.
#[macro_export]
macro_rules! store_conformance {
    ($fresh:path) => {
        $crate::store_conformance! { $fresh;
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
            a_writer_is_remembered_for_its_time,
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
            the_largest_counts_do_not_wrap,
            rolling_up_changes_no_sum,
            a_late_batch_is_rolled_up_later,
            only_retention_deletes,
            a_store_in_order_is_healthy,
        }
    };
    ($fresh:path; $($promise:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let store = $fresh().await;

                $crate::store::conformance::$promise(&*store).await;
            }
        )*
    };
}

const NOON: Timestamp = Timestamp::from_unix(1_700_049_600);

fn endpoint(service: &str, method: Method, route: &str) -> Endpoint {
    let service = ServiceName::new(service).expect("a valid service name");
    Endpoint::new(service, method, Route::new(route).expect("a valid route template"))
}

fn users() -> Endpoint {
    endpoint("shop", Method::Get, "/users/{id}")
}

fn orders() -> Endpoint {
    endpoint("shop", Method::Post, "/orders")
}

fn delta(endpoint: Endpoint, at: Timestamp, counts: Counts) -> Delta {
    Delta { endpoint, window: Window::containing(at, Width::TenSeconds), first_at: at, last_at: at, counts }
}

fn hits(count: u64) -> Counts {
    Counts { outcomes: [(Outcome::Status(200), count)].into_iter().collect(), ..Counts::default() }
}

fn one_batch(deltas: Vec<Delta>) -> Batch {
    Batch::new(WriterId::random(), 1, deltas)
}

async fn apply(store: &dyn StatsStore, batch: &Batch) {
    assert_eq!(store.apply(batch).await.expect("the batch is accepted"), Applied::Applied);
}

async fn report(store: &dyn StatsStore) -> StatsReport {
    store.query(&StatsQuery::over(TimeRange::ALL)).await.expect("the store answers")
}

async fn total(store: &dyn StatsStore) -> u64 {
    report(store).await.totals.counts.hits()
}

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

/// Any number of processes give one number.
pub async fn two_writers_add_up(store: &dyn StatsStore) {
    for count in [3, 4] {
        apply(store, &one_batch(vec![delta(users(), NOON, hits(count))])).await;
    }

    assert_eq!(total(store).await, 7);
}

/// Percentiles and callers come out as if one process had counted everything.
pub async fn sketches_merge(store: &dyn StatsStore) {
    let hit = |i: u64| Hit {
        outcome: Outcome::Status(200),
        latency: Some(Duration::from_micros(100 * i).into()),
        duration: Some(Duration::from_micros(200 * i).into()),
        response_bytes: i,
        caller: Some(CallerHash::from_u64((i % 10).wrapping_mul(0x9e37_79b9_7f4a_7c15))),
    };
    let mut expected = Counts::default();
    for i in 1..=100 {
        let mut counts = Counts::default();
        counts.add(&hit(i));
        expected.add(&hit(i));
        let at = NOON.plus_secs(i64::try_from(i % 30).unwrap_or(0));
        apply(store, &one_batch(vec![delta(users(), at, counts)])).await;
    }

    let found = report(store).await.totals.counts;

    assert_eq!(found, expected);
    assert_eq!(found.callers.count(), 10);
}

/// Each consumer's hits are its own.
pub async fn consumers_add_up(store: &dyn StatsStore) {
    let name = |name: &str| ConsumerName::new(name).expect("a valid name");
    let consumed = |name, hits| (name, ConsumerCounts { hits, errors: 1, response_bytes: 10 });
    for consumers in [vec![consumed(name("acme"), 3)], vec![consumed(name("acme"), 4), consumed(name("zoo"), 5)]] {
        let counts = Counts { consumers: consumers.into_iter().collect(), ..hits(5) };
        apply(store, &one_batch(vec![delta(users(), NOON, counts)])).await;
    }

    let found = report(store).await.totals.counts.consumers;

    assert_eq!(found[&name("acme")], ConsumerCounts { hits: 7, errors: 2, response_bytes: 20 });
    assert_eq!(found[&name("zoo")], ConsumerCounts { hits: 5, errors: 1, response_bytes: 10 });
}

/// Nothing is an answer too.
pub async fn an_empty_store_answers_with_nothing(store: &dyn StatsStore) {
    let query = StatsQuery::over(TimeRange::ALL).with_step_secs(60);

    assert_eq!(store.query(&query).await.expect("the store answers"), StatsReport::default());
    assert_eq!(store.endpoints().await.expect("the store answers"), Vec::new());
    assert_eq!(store.writer(WriterId::random()).await.expect("the store answers"), None);
    let nothing = StatsQuery::over(TimeRange::new(NOON, NOON));
    assert_eq!(store.query(&nothing).await.expect("the store answers"), StatsReport::default());
}

/// A window counts when one of its seconds lies in the range.
pub async fn a_range_counts_the_windows_it_touches(store: &dyn StatsStore) {
    for (secs, count) in [(0, 1), (10, 2), (20, 4)] {
        apply(store, &one_batch(vec![delta(users(), NOON.plus_secs(secs), hits(count))])).await;
    }

    for (from, to, expected) in [(0, 30, 7), (10, 20, 2), (9, 10, 1), (9, 11, 3), (29, 99, 4), (30, 99, 0), (-9, 0, 0)]
    {
        let range = TimeRange::new(NOON.plus_secs(from), NOON.plus_secs(to));
        let found = store.query(&StatsQuery::over(range)).await.expect("the store answers");
        assert_eq!(found.totals.counts.hits(), expected, "from {from} to {to}");
    }
    let covered = report(store).await.covered;
    assert_eq!(covered, Some(TimeRange::new(NOON, NOON.plus_secs(30))));
}

/// Service, method and route select.
pub async fn a_filter_selects_endpoints(store: &dyn StatsStore) {
    let other = endpoint("mail", Method::Get, "/users/{id}");
    let deltas = vec![delta(users(), NOON, hits(1)), delta(orders(), NOON, hits(2)), delta(other, NOON, hits(4))];
    apply(store, &one_batch(deltas)).await;
    let shop = users().service().clone();
    let cases = [
        (EndpointFilter { service: Some(shop.clone()), ..EndpointFilter::default() }, 3),
        (EndpointFilter { method: Some(Method::Get), ..EndpointFilter::default() }, 5),
        (EndpointFilter { route: Some(orders().route().clone()), ..EndpointFilter::default() }, 2),
        (EndpointFilter { service: Some(shop), method: Some(Method::Put), route: None }, 0),
    ];

    for (filter, expected) in cases {
        let query = StatsQuery::over(TimeRange::ALL).with_filter(filter.clone());
        let found = store.query(&query).await.expect("the store answers");
        assert_eq!(found.totals.counts.hits(), expected, "{filter:?}");
    }
}

/// Each hit lies in one step.
pub async fn a_series_adds_up_to_the_totals(store: &dyn StatsStore) {
    for secs in [0, 5, 10, 59, 60, 119, 600] {
        apply(store, &one_batch(vec![delta(users(), NOON.plus_secs(secs), hits(1))])).await;
    }

    let query = StatsQuery::over(TimeRange::ALL).with_step_secs(60);
    let found = store.query(&query).await.expect("the store answers");

    let series: Vec<_> = found.series.iter().map(|point| (point.start, point.counts.hits())).collect();
    assert_eq!(series, [(NOON, 4), (NOON.plus_secs(60), 2), (NOON.plus_secs(600), 1)]);
    assert_eq!(found.endpoints[0].hits_by_step, series);
    assert_eq!(found.totals.counts.hits(), 7);
}

/// First seen and last called, over all time and within a range.
pub async fn first_and_last_hits_are_known(store: &dyn StatsStore) {
    for secs in [100, 7, 250] {
        apply(store, &one_batch(vec![delta(users(), NOON.plus_secs(secs), hits(2))])).await;
    }

    let status = &store.endpoints().await.expect("the store answers")[0];
    assert_eq!(status.hits, 6);
    assert_eq!(status.first_seen, Some(NOON.plus_secs(7)));
    assert_eq!(status.last_called, Some(NOON.plus_secs(250)));
    let range = TimeRange::new(NOON, NOON.plus_secs(200));
    let within = store.query(&StatsQuery::over(range)).await.expect("the store answers").totals;
    assert_eq!((within.first_at, within.last_at), (Some(NOON.plus_secs(7)), Some(NOON.plus_secs(100))));
}

/// Endpoints that nobody calls can be found.
pub async fn a_registered_endpoint_that_was_never_called_is_told(store: &dyn StatsStore) {
    store.register(&[users(), orders()], NOON).await.expect("the store registers");
    store.register(&[users()], NOON.plus_secs(99)).await.expect("the store registers again");
    apply(store, &one_batch(vec![delta(users(), NOON.plus_secs(5), hits(1))])).await;

    let found = store.endpoints().await.expect("the store answers");

    let status = |wanted: Endpoint| found.iter().find(|status| status.endpoint == wanted).expect("it is known");
    assert_eq!(found.len(), 2);
    assert_eq!(status(users()).registered_at, Some(NOON));
    assert_eq!(status(users()).last_called, Some(NOON.plus_secs(5)));
    assert_eq!(status(orders()).registered_at, Some(NOON));
    assert_eq!((status(orders()).hits, status(orders()).last_called), (0, None));
}

/// Quotes, wildcards, other scripts, 512 bytes: a name is a name.
pub async fn names_are_kept_to_the_letter(store: &dyn StatsStore) {
    let longest = "/x".repeat(256);
    let routes = ["/it's/\"quoted\"", "/100%/_/\\", "/übung/日本", "/'; DROP TABLE endpoint; --", "/A", "/a", &longest];
    let deltas = routes.iter().map(|route| delta(endpoint("shop", Method::Other, route), NOON, hits(1))).collect();
    apply(store, &one_batch(deltas)).await;

    let found = report(store).await;

    let mut found: Vec<_> = found.endpoints.iter().map(|found| found.endpoint.route().as_str()).collect();
    let mut expected = routes.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// Sums stop at the largest number instead of wrapping or failing.
pub async fn the_largest_counts_do_not_wrap(store: &dyn StatsStore) {
    let mut largest = hits(u64::MAX);
    largest.response_bytes = i64::MAX as u64;
    for _ in 0..2 {
        apply(store, &one_batch(vec![delta(users(), NOON, largest.clone())])).await;
    }

    let found = report(store).await.totals.counts;

    assert_eq!(found.hits(), i64::MAX as u64);
    assert_eq!(found.response_bytes, i64::MAX as u64);
    assert_eq!(store.endpoints().await.expect("the store answers")[0].hits, i64::MAX as u64);
}

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

/// Health is good news when there is no bad.
pub async fn a_store_in_order_is_healthy(store: &dyn StatsStore) {
    store.health().await.expect("the store is healthy");
}

/// Sends batches to a store and to memory, rolls both up in between, and compares every answer.
pub async fn answers_like_memory(store: &dyn StatsStore, batches: &[Batch], roll_ups: &[Timestamp]) {
    let memory = Arc::new(MemoryStore::default());
    let mut roll_ups = roll_ups.iter();
    for batch in batches {
        let (found, expected) = (store.apply(batch).await, memory.apply(batch).await);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert_eq!(found.kind(), expected.kind()),
            (found, expected) => panic!("the store says {found:?}, memory says {expected:?}"),
        }
        if let Some(now) = roll_ups.next() {
            let retention = Retention { day_secs: Some(86_400 * 3_000), ..Retention::default() };
            let found = store.roll_up(*now, &retention).await.expect("the store rolls up");
            let expected = memory.roll_up(*now, &retention).await.expect("memory rolls up");
            assert_eq!(found, expected);
        }
    }
    for query in questions(batches) {
        let found = store.query(&query).await.expect("the store answers");
        assert_eq!(found, memory.query(&query).await.expect("memory answers"), "{query:?}");
    }
    let found = store.endpoints().await.expect("the store answers");
    assert_eq!(found, memory.endpoints().await.expect("memory answers"));
    for batch in batches {
        let found = store.writer(batch.writer).await.expect("the store answers");
        assert_eq!(found, memory.writer(batch.writer).await.expect("memory answers"));
    }
}

fn questions(batches: &[Batch]) -> Vec<StatsQuery> {
    let mut questions = vec![StatsQuery::over(TimeRange::ALL).with_step_secs(86_400)];
    for delta in batches.iter().flat_map(|batch| &batch.deltas) {
        let at = delta.window.start();
        questions.push(StatsQuery::over(TimeRange::new(at, at.plus_secs(61))).with_step_secs(10));
        questions.push(StatsQuery::over(TimeRange::new(at.minus_secs(100_000), at)).with_step_secs(3_600));
        let route = Some(delta.endpoint.route().clone());
        let filter = EndpointFilter { route, ..EndpointFilter::default() };
        questions.push(StatsQuery::over(TimeRange::ALL).with_filter(filter));
    }
    questions
}
