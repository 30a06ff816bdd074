//! What questions are answered with.

use std::time::Duration;

use super::{NOON, apply, delta, endpoint, hits, one_batch, orders, report, total, users};
use crate::aggregate::{ConsumerCounts, ConsumerName, Counts};
use crate::endpoint::{Endpoint, Method};
use crate::hit::{Hit, Outcome};
use crate::sketch::CallerHash;
use crate::store::{EndpointFilter, StatsQuery, StatsReport, StatsStore, WriterId};
use crate::window::TimeRange;

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
