//! What it costs to count one hit: `Aggregator::begin` when a request arrives and `end` when it is over, without the
//! layer around them.
//!
//! The first line of each table is the floor of any such library: two readings of the clock and five additions to
//! counters in memory. Counting itself reads no clock, the layer does. How the tables are measured, and how to read
//! them, is said in `paired.rs`; `+ns` is meant as a comparison, `ns` is the cost.
//!
//! - "record": 64 known endpoints in turn, with latencies that differ, and one endpoint all the time; a hit with a caller,
//!   with a consumer; a hit of a new endpoint, which makes its counters; a hit of an endpoint that is beyond the limit.
//! - "one endpoint": every thread counts hits of the same endpoint.

mod paired;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::Moment;
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::{Hit, Method, Outcome, ServiceName};

use self::paired::{Table, Variant};

const KNOWN: usize = 64;

/// The default limit of endpoints, and so the most that can be new to one aggregator.
const NEW: usize = 2_000;

fn main() {
    let routes = Arc::new(routes());
    let variants = vec![
        floor(),
        known("a known endpoint", &routes[..1]).ours(),
        known("one of 64 known endpoints", &routes[..KNOWN]),
        with_caller(),
        with_consumer(),
        new_endpoints(Arc::clone(&routes)),
        beyond_the_limit(Arc::clone(&routes)),
    ];
    Table::new("record", 1, variants).run();
    for threads in [1, 2] {
        let variants = vec![floor(), known("a known endpoint", &routes[..1]).ours()];
        Table::new("one endpoint", threads, variants).run();
    }
}

fn floor() -> Variant {
    Variant::new("floor: 2 clock readings, 5 additions", || {
        let counters: [AtomicU64; 5] = std::array::from_fn(|_| AtomicU64::new(0));
        move || {
            let arrived_at = Moment::now();
            for counter in black_box(&counters) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            black_box(Moment::now().since(arrived_at));
        }
    })
}

fn known(name: &'static str, routes: &[String]) -> Variant {
    let (aggregator, routes) = (aggregator(Limits::default()), routes.to_vec());
    Variant::new(name, move || {
        let (aggregator, routes) = (aggregator.clone(), routes.clone());
        let mut calls = 0;
        move || {
            calls += 1;
            record(&aggregator, arrival(&routes[calls % routes.len()]), &hit(calls));
        }
    })
}

fn with_caller() -> Variant {
    let aggregator = aggregator(Limits::default());
    Variant::new("a known endpoint, and a caller", move || {
        let aggregator = aggregator.clone();
        let mut calls = 0_usize;
        move || {
            calls += 1;
            // 4,096 callers, their hashes evenly spread.
            let hash = (calls as u64 % 4_096).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let hit = Hit { caller: Some(CallerHash::from_u64(hash)), ..hit(calls) };
            record(&aggregator, arrival("/users/{id}"), &hit);
        }
    })
}

fn with_consumer() -> Variant {
    let aggregator = aggregator(Limits::default());
    Variant::new("a known endpoint, and a consumer", move || {
        let aggregator = aggregator.clone();
        let mut calls = 0;
        move || {
            calls += 1;
            let arrival = Arrival { consumer: Some("tenant-7"), ..arrival("/users/{id}") };
            record(&aggregator, arrival, &hit(calls));
        }
    })
}

fn new_endpoints(routes: Arc<Vec<String>>) -> Variant {
    Variant::timed("a new endpoint", move || {
        let routes = Arc::clone(&routes);
        move |calls| {
            let mut left = usize::try_from(calls).expect("few enough to be made");
            let mut time = Duration::ZERO;
            while left > 0 {
                let now = left.min(NEW);
                let aggregator = paired::uncounted(|| aggregator(Limits::default()));
                let started = paired::now();
                for (i, route) in routes[..now].iter().enumerate() {
                    record(&aggregator, arrival(route), &hit(i));
                }
                time += started.elapsed();
                paired::uncounted(|| drop(aggregator));
                left -= now;
            }
            time
        }
    })
}

fn beyond_the_limit(routes: Arc<Vec<String>>) -> Variant {
    let aggregator = aggregator(Limits { max_endpoints: KNOWN, ..Limits::default() });
    for route in &routes[..KNOWN] {
        record(&aggregator, arrival(route), &hit(0));
    }
    Variant::new("an endpoint beyond the limit", move || {
        let (aggregator, routes) = (aggregator.clone(), Arc::clone(&routes));
        let mut calls = 0;
        move || {
            calls += 1;
            let route = &routes[KNOWN + calls % KNOWN];
            record(&aggregator, arrival(route), &hit(calls));
        }
    })
}

#[inline]
fn record(aggregator: &Aggregator, arrival: Arrival<'_>, hit: &Hit) {
    if let Some(open) = aggregator.begin(black_box(arrival)) {
        open.end(black_box(hit));
    }
}

fn arrival(route: &str) -> Arrival<'_> {
    Arrival { method: Method::Get, route: Some(route), consumer: None }
}

/// A hit whose latency is one of 16 between 0.1 and 4.2 ms, so that branches and cache lines differ from hit to hit.
fn hit(i: usize) -> Hit {
    let latency = Duration::from_micros(100 + (i as u64 * 7 % 16) * 270);
    Hit {
        outcome: Outcome::Status(200),
        latency: Some(latency.into()),
        duration: Some((latency + Duration::from_micros(20)).into()),
        response_bytes: 13,
        caller: None,
    }
}

fn aggregator(limits: Limits) -> Aggregator {
    Aggregator::new(ServiceName::new("bench").expect("lower-case letters"), limits)
}

fn routes() -> Vec<String> {
    (0..NEW).map(|i| format!("/resources-{i}/{{id}}")).collect()
}
