//! Keys against their limit: never more than it, and what goes beyond is counted.

use endpoint_stats_models::aggregate::Aggregator;
use loom::thread;

use super::Explored::{Preempted, Whole};
use super::{HIT, NOW, aggregator, explore, hits, join, record};

fn caller_of(aggregator: &Aggregator, route: &'static str) -> thread::JoinHandle<()> {
    let aggregator = aggregator.clone();
    thread::spawn(move || record(&aggregator, route, None, &HIT))
}

#[test]
fn two_threads_that_reach_the_limit_at_once_do_not_pass_it() {
    explore(Whole, || {
        let aggregator = aggregator(1);
        let threads = [caller_of(&aggregator, "/a"), caller_of(&aggregator, "/b")];

        join(threads);

        let deltas = aggregator.drain(NOW);
        assert_eq!(aggregator.endpoints(), 1);
        assert_eq!((deltas.len(), hits(&deltas), aggregator.folded()), (2, 2, 1));
    });
}

#[test]
fn the_limit_is_reached_while_a_drain_runs() {
    explore(Whole, || {
        let aggregator = aggregator(1);
        let threads = [caller_of(&aggregator, "/a"), caller_of(&aggregator, "/b")];

        let mut total = hits(&aggregator.drain(NOW));
        join(threads);
        total += hits(&aggregator.drain(NOW));

        assert_eq!((aggregator.endpoints(), aggregator.folded(), total), (1, 1, 2));
    });
}

#[test]
fn two_threads_that_see_an_endpoint_first_agree_on_it() {
    explore(Preempted(3), || {
        let aggregator = aggregator(1);
        let threads = [caller_of(&aggregator, "/a"), caller_of(&aggregator, "/a")];

        join(threads);

        let deltas = aggregator.drain(NOW);
        assert_eq!((deltas.len(), hits(&deltas), aggregator.folded()), (1, 2, 0));
    });
}
