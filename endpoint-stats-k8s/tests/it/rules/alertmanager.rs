//! Whom Alertmanager tells, asked of amtool.

use std::path::PathBuf;

use serde_json::Value;

use super::rule::{Rule, read};
use super::{panics_with, program};
use crate::applied::package;
use crate::tool_checks::said;

const FILE: &str = "monitoring/alertmanager/alertmanager.yaml";

/// Every route by its matchers, the labels of an alert that takes it, and the receiver it leads to.
const ROUTES: [(&str, &str, &str); 3] = [
    ("", "alertname=SomethingElse", "ticket"),
    (r#"["severity = critical"]"#, "severity=critical", "on-call"),
    (r#"["severity = warning"]"#, "severity=warning", "ticket"),
];

/// Fields of receivers that hold a secret; each has a brother that names a file.
const SECRETS: [&str; 11] = [
    "api_key",
    "api_url",
    "auth_password",
    "auth_secret",
    "bearer_token",
    "bot_token",
    "credentials",
    "password",
    "routing_key",
    "service_key",
    "webhook_url",
];

pub(super) fn file() -> PathBuf {
    package().file(FILE)
}

fn receiver(labels: &[&str]) -> String {
    let mut option = std::ffi::OsString::from("--config.file=");
    option.push(file());
    let output = program("amtool").args(["config", "routes", "test"]).arg(option).args(labels).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn alertmanager_takes_its_configuration() {
    let (is_well, text) = said(program("amtool").arg("check-config").arg(file()));

    assert!(is_well, "{text}");
}

#[test]
fn every_route_leads_to_its_receiver() {
    for (route, labels, expected) in ROUTES {
        assert_eq!(receiver(&[labels]), expected, "{labels}, for the route {route}");
    }
}

#[test]
fn every_route_is_asked_for() {
    let settings = read(FILE);
    let mut routes = Vec::new();
    collect(&settings["route"], &mut routes);

    assert_eq!(routes, ROUTES.map(|(route, ..)| route));
}

fn collect(route: &Value, routes: &mut Vec<String>) {
    let matchers = &route["matchers"];
    routes.push(if matchers.is_null() { String::new() } else { matchers.to_string() });
    for below in route["routes"].as_array().into_iter().flatten() {
        collect(below, routes);
    }
}

#[test]
fn a_critical_alert_wakes_somebody_and_a_warning_makes_a_ticket() {
    for alert in Rule::alerts() {
        let expected = if alert.severity() == "critical" { "on-call" } else { "ticket" };
        let labels = [format!("alertname={}", alert.name()), format!("severity={}", alert.severity())];

        assert_eq!(receiver(&labels.each_ref().map(String::as_str)), expected, "{labels:?}");
    }
}

#[test]
fn every_receiver_is_used_and_told_when_it_is_over() {
    let settings = read(FILE);

    let mut wrong = Vec::new();
    for receiver in settings["receivers"].as_array().unwrap() {
        let name = receiver["name"].as_str().unwrap_or_default();
        if !ROUTES.iter().any(|(.., used)| *used == name) {
            wrong.push(format!("receiver {name}: no route leads to it"));
        }
        let ways = receiver.as_object().into_iter().flatten().filter_map(|(_, ways)| ways.as_array());
        for way in ways.flatten().filter(|way| way["send_resolved"] != true) {
            wrong.push(format!("receiver {name}: send_resolved: expected true; found {way}"));
        }
    }

    panics_with(&wrong);
}

#[test]
fn every_secret_is_a_file() {
    let mut wrong = Vec::new();
    open_secrets(&read(FILE), &mut wrong);

    panics_with(&wrong);
}

fn open_secrets(value: &Value, wrong: &mut Vec<String>) {
    for (field, below) in value.as_object().into_iter().flatten() {
        if SECRETS.iter().any(|secret| field.ends_with(secret)) {
            wrong.push(format!("{field}: expected {field}_file"));
        }
        let is_elsewhere = below.as_str().is_some_and(|path| !path.starts_with("/etc/alertmanager/secrets/"));
        if field.ends_with("_file") && is_elsewhere {
            wrong.push(format!("{field}: expected a file of /etc/alertmanager/secrets; found {below}"));
        }
        open_secrets(below, wrong);
    }
    value.as_array().into_iter().flatten().for_each(|below| open_secrets(below, wrong));
}
