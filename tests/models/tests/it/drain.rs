//! Hits against drains: each is found by one of them.

use std::time::Duration;

use endpoint_stats_models::aggregate::{Aggregator, Counts};
use endpoint_stats_models::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_models::{Hit, Method, Outcome};
use loom::thread;

use super::Explored::{Preempted, Whole};
use super::{HIT, NOW, aggregator, explore, hits, join, record};

fn drained(aggregator: &Aggregator) -> u64 {
    hits(&aggregator.drain(NOW))
}

fn writer(aggregator: &Aggregator) -> thread::JoinHandle<()> {
    writer_of(aggregator, HIT)
}

fn writer_of(aggregator: &Aggregator, hit: Hit) -> thread::JoinHandle<()> {
    let aggregator = aggregator.clone();
    thread::spawn(move || record(&aggregator, "/", None, &hit))
}

/// An aggregator that has counted a hit, and been drained.
fn in_use() -> Aggregator {
    let aggregator = aggregator(1);
    record(&aggregator, "/", None, &HIT);
    assert_eq!(drained(&aggregator), 1);
    aggregator
}

#[test]
fn a_drain_between_two_writers_takes_each_hit_once() {
    explore(Whole, || {
        let aggregator = in_use();
        let writers = [writer(&aggregator), writer(&aggregator)];

        let mut total = drained(&aggregator);
        join(writers);
        total += drained(&aggregator);

        assert_eq!(total, 2);
    });
}

#[test]
fn two_drains_and_the_last_one_take_each_hit_once() {
    explore(Preempted(2), || {
        let aggregator = in_use();
        let writers = [writer(&aggregator), writer(&aggregator)];
        let flusher = {
            let aggregator = aggregator.clone();
            thread::spawn(move || drained(&aggregator))
        };

        let mut total = drained(&aggregator);
        join(writers);
        total += drained(&aggregator);
        total += flusher.join().unwrap();

        assert_eq!(total, 2);
    });
}

#[test]
fn an_endpoint_first_seen_by_two_threads_while_a_drain_runs_is_one_and_loses_nothing() {
    explore(Preempted(3), || {
        let aggregator = aggregator(2);
        let writers = [writer(&aggregator), writer(&aggregator)];

        let mut total = drained(&aggregator);
        join(writers);
        let rest = aggregator.drain(NOW);
        total += hits(&rest);

        assert_eq!(total, 2);
        assert!(rest.len() <= 1);
        assert_eq!(aggregator.endpoints(), 1);
    });
}

#[test]
fn what_a_hit_says_of_time_and_bytes_arrives_once() {
    let took = Duration::from_millis(3);
    let hit = Hit { latency: Some(took.into()), duration: Some(took.into()), response_bytes: 7, ..HIT };
    explore(Whole, move || {
        let aggregator = in_use();
        let counted = aggregator.clone();
        let writer = thread::spawn(move || {
            let arrival = Arrival { method: Method::Get, route: Some("/"), consumer: None };
            let open = counted.begin(arrival).unwrap();
            open.add_request_bytes(5);
            open.end(&hit);
        });

        let mut deltas = aggregator.drain(NOW);
        writer.join().unwrap();
        deltas.extend(aggregator.drain(NOW));

        let sum = |value: fn(&Counts) -> u64| deltas.iter().map(|delta| value(&delta.counts)).sum::<u64>();
        assert_eq!(sum(Counts::hits), 1);
        assert_eq!(sum(|counts| counts.latency.count()), 1);
        assert_eq!(sum(|counts| counts.duration.count()), 1);
        assert_eq!(sum(|counts| counts.response_bytes), 7);
        assert_eq!(sum(|counts| counts.request_bytes), 5);
    });
}

#[test]
fn a_hit_is_found_although_another_one_beside_it_was_just_taken() {
    explore(Whole, || {
        let aggregator = in_use();
        // Counters of one cache line share a mark.
        let writers = [200, 201].map(|status| writer_of(&aggregator, Hit { outcome: Outcome::Status(status), ..HIT }));

        let mut total = drained(&aggregator);
        join(writers);
        total += drained(&aggregator);

        assert_eq!(total, 2);
    });
}

#[test]
fn a_live_count_stands_still_while_hits_are_drained() {
    explore(Whole, || {
        let aggregator = in_use();
        record(&aggregator, "/", None, &HIT);
        let flusher = {
            let aggregator = aggregator.clone();
            thread::spawn(move || drained(&aggregator))
        };

        let live = aggregator.live();

        assert_eq!((live[0].begun, live[0].ended), (2, 2));
        assert_eq!(flusher.join().unwrap(), 1);
    });
}
