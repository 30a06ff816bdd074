//! Prometheus counts the hits that `/stats` tells.

use std::collections::BTreeMap;

use endpoint_stats_core::store::{Applied, StatsStore, WriterId};

use super::questions::by_label;
use super::wait::wait_for;
use super::watched::Watched;
use super::{load, questions};
use crate::remote::{batch, connect};
use crate::support::prometheus::Prometheus;

#[test]
fn prometheus_counts_the_hits_that_stats_tells() {
    let watched = Watched::start(1);
    let prometheus = watched.prometheus().start();
    questions::wait_for_targets(&prometheus);

    let sent = load::call(&watched.servers);

    assert_equal_counts(&watched, &prometheus, sent);
}

#[test]
fn prometheus_adds_replicas_up_to_what_stats_tells() {
    let watched = Watched::start(2);
    let prometheus = watched.prometheus().start();
    questions::wait_for_targets(&prometheus);

    let sent = load::call(&watched.servers);

    assert_equal_counts(&watched, &prometheus, sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hits_sent_to_two_replicas_are_counted_once_by_prometheus() {
    let watched = Watched::start(2);
    let prometheus = watched.prometheus().start();
    let lines = load::hits(&[0.01; 30]);
    let writer = WriterId::random();
    let [first, second] = &watched.servers[..] else { unreachable!("two were started") };

    for (server, answer) in [(first, "applied"), (second, "duplicate")] {
        assert_eq!(load::send(server, "once", &lines).json()["result"], answer);
    }
    for (server, answer) in [(second, Applied::Applied), (first, Applied::Duplicate)] {
        assert_eq!(connect(server).apply(&batch(writer, 1)).await.unwrap(), answer);
    }
    assert_eq!(connect(first).apply(&batch(writer, 2)).await.unwrap(), Applied::Applied);

    // Thirty hits and batches of one and two; and the five requests that brought them.
    assert_equal_counts(&watched, &prometheus, 33 + 5);
    wait_for(|| {
        let received = by_label(&prometheus, "job", "sum by (job) (endpoint_stats_hits_received_total)")?;
        if (received.values().sum::<f64>() - 33.0).abs() < 0.5 { Ok(()) } else { Err(format!("{received:?}, not 33")) }
    });
}

/// Waits until `/stats` tells of all hits that were sent, and Prometheus of those that `/stats` tells.
fn assert_equal_counts(watched: &Watched, prometheus: &Prometheus, sent: u64) {
    let mut expected = sent;
    let told: BTreeMap<_, _> = wait_for(|| {
        expected += 1;
        let told = load::stats(&watched.servers[0]);
        if told.values().sum::<u64>() == expected { Ok(told) } else { Err(format!("{told:?}, not {expected}")) }
    });
    let told = told.into_iter().map(|(route, hits)| (route, hits as f64)).collect();
    wait_for(|| {
        let counted = by_label(prometheus, "route", "sum by (route) (endpoint_stats_hits_total)")?;
        if counted == told { Ok(()) } else { Err(format!("{counted:?}, not {told:?}")) }
    });
}
