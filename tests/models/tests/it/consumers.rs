//! Consumers against a drain.

use endpoint_stats_models::aggregate::{Aggregator, ConsumerCounts, Delta};
use endpoint_stats_models::{Hit, Outcome};
use loom::thread;

use super::Explored::{Preempted, Whole};
use super::{HIT, NOW, aggregator, explore, hits, join, record};

const FAILED: Hit = Hit { outcome: Outcome::Status(500), response_bytes: 7, ..HIT };

fn sum(deltas: &[Delta]) -> ConsumerCounts {
    let mut sum = ConsumerCounts::default();
    for counts in deltas.iter().flat_map(|delta| delta.counts.consumers.values()) {
        sum.hits += counts.hits;
        sum.errors += counts.errors;
        sum.response_bytes += counts.response_bytes;
    }
    sum
}

fn consumer(aggregator: &Aggregator, name: &'static str) -> thread::JoinHandle<()> {
    let aggregator = aggregator.clone();
    thread::spawn(move || record(&aggregator, "/", Some(name), &FAILED))
}

#[test]
fn what_two_consumers_did_is_told_once_and_never_of_more_than_the_limit() {
    explore(Preempted(3), || {
        let aggregator = aggregator(1);
        let threads = [consumer(&aggregator, "a"), consumer(&aggregator, "b")];

        let mut deltas = aggregator.drain(NOW);
        join(threads);
        deltas.extend(aggregator.drain(NOW));

        assert_eq!(hits(&deltas), 2);
        assert_eq!(sum(&deltas), ConsumerCounts { hits: 2, errors: 2, response_bytes: 14 });
        let mut names: Vec<_> = deltas.iter().flat_map(|delta| delta.counts.consumers.keys()).collect();
        names.sort();
        names.dedup();
        assert!(names.len() <= 2, "one by name and the rest together: {names:?}");
    });
}

#[test]
fn what_a_consumer_does_while_a_drain_runs_is_told_once() {
    explore(Whole, || {
        let aggregator = aggregator(1);
        record(&aggregator, "/", Some("a"), &FAILED);
        let thread = consumer(&aggregator, "a");

        let mut deltas = aggregator.drain(NOW);
        thread.join().unwrap();
        deltas.extend(aggregator.drain(NOW));

        assert_eq!(sum(&deltas), ConsumerCounts { hits: 2, errors: 2, response_bytes: 14 });
    });
}
