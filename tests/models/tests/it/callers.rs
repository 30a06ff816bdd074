//! Callers against a drain.

use endpoint_stats_models::Hit;
use endpoint_stats_models::aggregate::Aggregator;
use endpoint_stats_models::sketch::{CallerHash, CallersSketch};
use loom::thread;

use super::Explored::{Preempted, Whole};
use super::{HIT, NOW, aggregator, explore, join, record};

fn drained(aggregator: &Aggregator) -> CallersSketch {
    let mut sketch = CallersSketch::default();
    for delta in aggregator.drain(NOW) {
        sketch.merge(&delta.counts.callers);
    }
    sketch
}

/// An aggregator that has seen a caller, and been drained.
fn in_use() -> Aggregator {
    let aggregator = aggregator(1);
    record(&aggregator, "/", None, &by(CallerHash::from_u64(1 << 60)));
    assert_eq!(drained(&aggregator).count(), 1);
    aggregator
}

fn by(caller: CallerHash) -> Hit {
    Hit { caller: Some(caller), ..HIT }
}

fn writer(aggregator: &Aggregator, caller: CallerHash) -> thread::JoinHandle<()> {
    let aggregator = aggregator.clone();
    thread::spawn(move || record(&aggregator, "/", None, &by(caller)))
}

#[test]
fn two_callers_that_raise_one_register_leave_the_higher_rank() {
    explore(Preempted(2), || {
        let aggregator = in_use();
        let callers = [1, 2].map(CallerHash::from_u64);
        let writers = callers.map(|caller| writer(&aggregator, caller));

        join(writers);

        let mut expected = CallersSketch::default();
        for caller in callers {
            expected.insert(caller);
        }
        assert_eq!(drained(&aggregator), expected);
    });
}

#[test]
fn a_caller_that_comes_while_a_drain_runs_is_not_forgotten() {
    explore(Whole, || {
        let aggregator = in_use();
        let writer = writer(&aggregator, CallerHash::from_u64(1));

        let mut sketch = drained(&aggregator);
        writer.join().unwrap();
        sketch.merge(&drained(&aggregator));

        assert_eq!(sketch.count(), 1);
    });
}
