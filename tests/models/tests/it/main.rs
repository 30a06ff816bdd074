//! Every interleaving of the recorder's threads: nothing is lost, nothing is counted twice, no limit is passed.
//!
//! A model is explored to its end, or up to a number of preemptions where it says so. A bound of 3 lets three threads be
//! taken off the processor anywhere in one run; what a model with a bound leaves out needs a fourth.

mod callers;
mod consumers;
mod drain;
mod keys;
mod teeth;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use endpoint_stats_models::aggregate::{Aggregator, Delta, Limits};
use endpoint_stats_models::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_models::window::Timestamp;
use endpoint_stats_models::{Hit, Method, Outcome, ServiceName};
use loom::model::Builder;
use loom::thread::JoinHandle;

const NOW: Timestamp = Timestamp::from_unix(1_700_000_007);

const HIT: Hit = Hit { outcome: Outcome::Status(200), latency: None, duration: None, response_bytes: 0, caller: None };

/// How far a model is explored.
#[derive(Clone, Copy, Debug)]
enum Explored {
    /// Every interleaving.
    Whole,
    /// Those in which so many threads are taken off the processor.
    Preempted(usize),
}

fn explore(explored: Explored, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.max_branches = 100_000;
    builder.preemption_bound = match explored {
        Explored::Whole => None,
        Explored::Preempted(bound) => Some(bound),
    };
    let runs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&runs);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!("{explored:?}: {} runs", runs.load(Ordering::Relaxed));
}

/// An aggregator that keeps so many endpoints apart, and as many consumers.
fn aggregator(max_endpoints: usize) -> Aggregator {
    let limits = Limits { max_endpoints, max_consumers: max_endpoints, ..Limits::default() };
    Aggregator::new(ServiceName::new("shop").unwrap(), limits)
}

/// Counts a request to its end.
fn record(aggregator: &Aggregator, route: &str, consumer: Option<&str>, hit: &Hit) {
    let arrival = Arrival { method: Method::Get, route: Some(route), consumer };
    aggregator.begin(arrival).unwrap().end(hit);
}

fn hits(deltas: &[Delta]) -> u64 {
    deltas.iter().map(|delta| delta.counts.hits()).sum()
}

fn join(threads: [JoinHandle<()>; 2]) {
    for thread in threads {
        thread.join().unwrap();
    }
}
