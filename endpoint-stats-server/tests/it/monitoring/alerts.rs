//! What reaches people when the database stops, and when it is back.

use std::collections::BTreeSet;

use serde_json::Value;

use super::questions::wait_for_targets;
use super::receiver::{Message, Receiver};
use super::rule_files::hurried_files;
use super::wait::wait_for;
use super::watched::Watched;
use super::{alertmanager_file, load};
use crate::http;
use crate::support::alertmanager::Alertmanager;
use crate::support::exporters::Exporter;

/// Alerts that say nothing new while the store is away; the second is the warning that goes with it.
const SILENT: [&str; 2] = ["EndpointStatsExporterDown", "EndpointStatsStoreUnreachable"];

const TITLE: &str = "EndpointStatsStoreUnreachable in endpoint-stats (critical)";

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
    let told_while_it_was_away = receiver.messages();
    watched.postgres.start_again();
    wait_for(|| {
        let (told, alerts) = (receivers_and_titles(&receiver.messages()), alerts(&alertmanager));
        let is_over = told.contains(&("on-call".to_owned(), format!("Resolved: {TITLE}"))) && alerts.is_empty();
        if is_over { Ok(()) } else { Err(format!("{told:?}, {alerts:?}")) }
    });

    assert_eq!(receivers_and_titles(&told_while_it_was_away), [("on-call".to_owned(), TITLE.to_owned())]);
    assert!(told_while_it_was_away[0].link.ends_with("Runbook.md#endpointstatsstoreunreachable"));
    assert!(told_while_it_was_away[0].text.contains("endpoint-stats-server"), "{told_while_it_was_away:?}");
    // What ends a moment after the alert that kept it silent may make a ticket, not wake anybody.
    let mut told = receivers_and_titles(&receiver.messages());
    told.retain(|(receiver, _)| receiver == "on-call");
    assert_eq!(told.len(), 2, "{told:?}");
}

fn receivers_and_titles(messages: &[Message]) -> Vec<(String, String)> {
    messages.iter().map(|message| (message.receiver.clone(), message.title.clone())).collect()
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
