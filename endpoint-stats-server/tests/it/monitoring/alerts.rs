//! What reaches people when the database stops, and when it is back.

use std::collections::BTreeSet;

use serde_json::Value;

use super::questions::wait_for_targets;
use super::receiver::Receiver;
use super::rule_files::hurried_files;
use super::wait::wait_for;
use super::watched::Watched;
use super::{alertmanager_file, load};
use crate::http;
use crate::support::alertmanager::Alertmanager;
use crate::support::exporters::Exporter;

/// Alerts that say nothing new while the store is away; the second is the warning that goes with it.
const SILENT: [&str; 2] = ["EndpointStatsExporterDown", "EndpointStatsStoreUnreachable"];

#[test]
fn a_database_that_stops_is_told_once_to_those_on_call_and_so_is_its_return() {
    let mut watched = Watched::start(1);
    let receiver = Receiver::start();
    let alertmanager = Alertmanager::start(&alertmanager_file::telling(&receiver));
    let exporter = Exporter::of_postgres(&watched.database_url, &[]);
    let prometheus = watched
        .prometheus()
        .rules(hurried_files())
        .job("postgres-exporter", &[exporter.address()])
        .alertmanager(alertmanager.address())
        .start();
    wait_for_targets(&prometheus);

    watched.postgres.stop();
    wait_for(|| {
        load::hit_each(&watched.servers);
        let (messages, inhibited) = (receiver.messages(), inhibited(&alertmanager));
        let is_silent = SILENT.iter().all(|alert| inhibited.contains(*alert));
        if is_silent && !messages.is_empty() { Ok(()) } else { Err(format!("{messages:?}, inhibited: {inhibited:?}")) }
    });
    watched.postgres.start_again();
    wait_for(|| {
        let (messages, alerts) = (receiver.messages(), alerts(&alertmanager));
        let is_over = messages.len() > 1 && alerts.is_empty();
        if is_over { Ok(()) } else { Err(format!("{messages:?}, {alerts:?}")) }
    });

    let messages = receiver.messages();
    let told: Vec<_> = messages.iter().map(|message| (&*message.receiver, &*message.title)).collect();
    let title = "EndpointStatsStoreUnreachable in endpoint-stats (critical)";
    assert_eq!(told, [("on-call", title), ("on-call", &format!("Resolved: {title}"))]);
    assert!(messages[0].link.ends_with("Runbook.md#endpointstatsstoreunreachable"), "{messages:?}");
    assert!(messages[0].text.contains("endpoint-stats-server"), "{messages:?}");
}

/// The alerts that Alertmanager keeps to itself because of others.
fn inhibited(alertmanager: &Alertmanager) -> BTreeSet<String> {
    let is_inhibited = |alert: &&Value| alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty());
    let name = |alert: &Value| alert["labels"]["alertname"].as_str().map(str::to_owned);
    alerts(alertmanager).iter().filter(is_inhibited).filter_map(name).collect()
}

fn alerts(alertmanager: &Alertmanager) -> Vec<Value> {
    let answer = http::send(alertmanager.address(), "GET /api/v2/alerts HTTP/1.0\r\nhost: localhost\r\n\r\n");
    serde_json::from_str(&answer.expect("Alertmanager answers").body).expect("a list of alerts")
}
