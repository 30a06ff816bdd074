//! The recorder at its limits: threads that race drains, and more paths than it will ever keep.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Delta, Limits};
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Hit, Method, Outcome, Route};

const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

fn recorder(max_endpoints: usize) -> Aggregator {
    Aggregator::new(ServiceName::new("shop").unwrap(), Limits { max_endpoints, ..Limits::default() })
}

fn count(recorder: &Aggregator, route: &str, number: u64) {
    let code = 200 + u16::try_from(number % 5).unwrap();
    let hit = Hit {
        outcome: Outcome::Status(code),
        latency: Some(std::time::Duration::from_micros(number % 10_000).into()),
        duration: Some(std::time::Duration::from_micros(number % 20_000).into()),
        response_bytes: number % 100,
        caller: None,
    };
    let open = recorder.begin(Arrival { method: Method::Get, route: Some(route), consumer: Some("acme") }).unwrap();
    open.add_request_bytes(1);
    open.end(&hit);
}

/// Everything that deltas say about hits and bytes, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    hits: u64,
    latencies: u64,
    durations: u64,
    request_bytes: u64,
    response_bytes: u64,
    consumers: u64,
}

impl Sums {
    fn add(&mut self, deltas: &[Delta]) {
        for counts in deltas.iter().map(|delta| &delta.counts) {
            self.hits += counts.hits();
            self.latencies += counts.latency.count();
            self.durations += counts.duration.count();
            self.request_bytes += counts.request_bytes;
            self.response_bytes += counts.response_bytes;
            self.consumers += counts.consumers.values().map(|counts| counts.hits).sum::<u64>();
        }
    }
}

#[test]
fn two_threads_that_race_drains_are_counted_to_the_last_hit_under_load() {
    const HITS: u64 = 500_000;
    let recorder = recorder(1_900);
    let routes: Vec<_> = (0..2_000).map(|i| format!("/route/{i}")).collect();
    let done = AtomicBool::new(false);
    let mut sums = Sums::default();
    let mut drains = 0;

    thread::scope(|scope| {
        let threads = [0, 7].map(|offset| {
            let (recorder, routes) = (&recorder, &routes);
            scope.spawn(move || {
                for i in 0..HITS {
                    count(recorder, &routes[((i * 31 + offset) % 2_000) as usize], i);
                }
            })
        });
        let drainer = scope.spawn(|| {
            let mut sums = Sums::default();
            let mut drains = 0;
            while !done.load(Ordering::SeqCst) {
                sums.add(&recorder.drain(NOW));
                drains += 1;
            }
            (sums, drains)
        });
        for thread in threads {
            thread.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        (sums, drains) = drainer.join().unwrap();
    });
    sums.add(&recorder.drain(NOW));

    assert!(drains > 1, "{drains} drains raced the threads");
    let expected = Sums {
        hits: 2 * HITS,
        latencies: 2 * HITS,
        durations: 2 * HITS,
        request_bytes: 2 * HITS,
        response_bytes: 2 * (0..HITS).map(|i| i % 100).sum::<u64>(),
        consumers: 2 * HITS,
    };
    assert_eq!(sums, expected);
    assert_eq!(recorder.live().iter().map(|live| live.ended).sum::<u64>(), 2 * HITS);
    assert_eq!(recorder.folded(), 2 * HITS / 20, "100 of 2,000 routes are over the limit");
}

#[test]
fn a_million_paths_keep_to_the_limit_with_exact_totals_under_load() {
    const PATHS: u64 = 1_000_000;
    let recorder = recorder(2_000);

    for i in 0..PATHS {
        count(&recorder, &format!("/scan/{i}"), i);
        count(&recorder, "/users/{id}", i);
    }
    let deltas = recorder.drain(NOW);

    assert_eq!(deltas.len(), 2_001, "the limit, and the overflow key");
    let hits_at = |route: Route| deltas.iter().find(|delta| *delta.endpoint.route() == route).unwrap().counts.hits();
    assert_eq!(hits_at(Route::new("/users/{id}").unwrap()), PATHS, "known endpoints go on");
    assert_eq!(hits_at(Route::overflow()), PATHS - 1_999);
    assert_eq!(recorder.folded(), PATHS - 1_999);
    let mut sums = Sums::default();
    sums.add(&deltas);
    assert_eq!((sums.hits, sums.consumers), (2 * PATHS, 2 * PATHS));
}
