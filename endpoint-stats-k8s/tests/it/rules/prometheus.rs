//! What promtool and the habits of this repository say of the rules.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::rule::{FILES, FOLDER, Rule, groups, read};
use super::rule_test::{RuleTest, files};
use super::{panics_with, program};
use crate::applied::package;
use crate::promql::Expression;
use crate::tool_checks::said;

#[test]
fn promtool_takes_the_rules() {
    let files = FILES.map(|file| package().file(&format!("{FOLDER}/{file}")));

    let (is_well, text) = said(program("promtool").args(["check", "rules", "--lint=all", "--lint-fatal"]).args(files));

    assert!(is_well, "{text}");
    let found = |line: &str| line.trim().strip_suffix(" rules found")?.rsplit(' ').next()?.parse::<usize>().ok();
    let rules: usize = text.lines().filter_map(found).sum();
    assert_eq!(rules, Rule::all().len(), "{text}");
}

/// The Prometheus of Debian is built without discovery in Kubernetes.
#[test]
fn prometheus_takes_its_configuration_with_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    let targets = folder.path().join("targets.json");
    fs::write(&targets, "[]").unwrap();
    let mut settings = read("monitoring/prometheus/prometheus.yaml");
    assert_eq!(settings["rule_files"], json!(["/etc/prometheus/rules/*.yaml"]));
    settings["rule_files"] = json!([package().file(FOLDER).join("*.yaml")]);
    discover_by_file(&mut settings, &targets);
    let file = folder.path().join("prometheus.yaml");
    fs::write(&file, settings.to_string()).unwrap();

    let (is_well, text) = said(program("promtool").args(["check", "config"]).arg(&file));

    assert!(is_well && text.contains("SUCCESS: 2 rule files found"), "{text}");
}

fn discover_by_file(settings: &mut Value, targets: &Path) {
    match settings {
        Value::Object(fields) => {
            if fields.remove("kubernetes_sd_configs").is_some() {
                fields.insert("file_sd_configs".to_owned(), json!([{ "files": [targets] }]));
            }
            fields.values_mut().for_each(|below| discover_by_file(below, targets));
        }
        Value::Array(items) => items.iter_mut().for_each(|below| discover_by_file(below, targets)),
        _ => {}
    }
}

#[test]
fn alerts_fire_when_they_should_and_not_when_they_nearly_should() {
    let files = files().into_iter().map(|(file, _)| package().file(&file));

    let (is_well, text) = said(program("promtool").args(["test", "rules"]).args(files));

    assert!(is_well, "{text}");
}

/// Alerts without a test that begins to fire, or without one that never does.
fn untested(alerts: &[Rule], tests: &[RuleTest]) -> Vec<String> {
    let wrong = alerts.iter().flat_map(|alert| {
        let (name, severity) = (alert.name(), alert.severity());
        let fires = tests.iter().any(|test| test.begins(name, severity));
        let nearly = tests.iter().any(|test| test.never_fires(name, severity));
        let fires = (!fires).then(|| format!("{name} ({severity}): expected a test where it begins to fire"));
        let nearly = (!nearly).then(|| format!("{name} ({severity}): expected a test where it does not fire"));
        fires.into_iter().chain(nearly)
    });
    wrong.collect()
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_does_not() {
    panics_with(&untested(&Rule::alerts(), &RuleTest::all()));
}

#[test]
fn an_alert_without_both_cases_is_found() {
    let (alerts, all) = (Rule::alerts(), RuleTest::all());
    for alert in &alerts {
        let (name, severity) = (alert.name(), alert.severity());
        let without = |is_lost: &dyn Fn(&RuleTest) -> bool| {
            let tests: Vec<_> = all.iter().filter(|test| !is_lost(test)).cloned().collect();
            untested(&alerts, &tests).iter().any(|finding| finding.starts_with(&format!("{name} ({severity})")))
        };

        assert!(without(&|test| test.begins(name, severity)), "{name} ({severity}) without a case that fires");
        assert!(without(&|test| test.never_fires(name, severity)), "{name} ({severity}) without one that does not");
    }
}

/// promtool takes a name that no alert has for one that does not fire, and series without an interval for none.
#[test]
fn tests_speak_of_alerts_that_are_there_and_leave_nothing_out() {
    let alerts = Rule::alerts();
    let is_alert = |name: &str| alerts.iter().any(|alert| alert.name() == name);

    let tests = RuleTest::all();
    let wrong = tests.iter().flat_map(|test| {
        let findings = test.expected.iter().filter_map(|expected| {
            let (alert, name) = (&expected.alert, &test.name);
            let bare = || (expected.annotated < expected.fired.len()).then_some("expected annotations");
            let finding = if is_alert(alert) { bare() } else { Some("there is no such alert") };
            finding.map(|finding| format!("{name}: {alert}: {finding}"))
        });
        findings.collect::<Vec<_>>()
    });

    panics_with(&wrong.collect::<Vec<_>>());
}

/// Groups that are not listed are evaluated in any order, and alerts would read what is not recorded yet.
#[test]
fn tests_evaluate_every_group_in_order_and_at_the_pace_of_their_series() {
    let groups = groups();
    let order: Vec<_> = groups.iter().map(|group| &group["name"]).collect();

    let wrong = files().into_iter().flat_map(|(file, value)| {
        let pace = &value["evaluation_interval"];
        let unlisted = value["group_eval_order"] != json!(order);
        let unlisted = unlisted.then(|| format!("{file}: group_eval_order: expected {order:?}"));
        let tests = value["tests"].as_array().cloned().unwrap_or_default();
        let paced = tests.into_iter().filter(|test| test["interval"] != *pace);
        let paced = paced.map(|test| format!("{file}: {}: interval: expected {pace}", test["name"]));
        unlisted.into_iter().chain(paced).collect::<Vec<_>>()
    });

    panics_with(&wrong.collect::<Vec<_>>());
}

#[test]
fn of_everything_that_is_recorded_a_value_is_expected() {
    let tests = RuleTest::all();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    let has_value = |name: &str| {
        let mut valued = tests.iter().flat_map(|test| &test.valued);
        valued.any(|text| text.split(|c| !is_name(c)).any(|word| word == name))
    };

    let recorded = Rule::recorded();
    let untested = recorded.iter().map(Rule::name).filter(|name| !has_value(name));

    panics_with(&untested.map(|name| format!("{name}: expected a test of its value")).collect::<Vec<_>>());
}

#[test]
fn what_is_recorded_is_named_by_level_metric_and_operation() {
    let recorded = Rule::recorded();

    let wrong =
        recorded.iter().map(Rule::name).filter(|name| name.split(':').filter(|part| !part.is_empty()).count() != 3);

    panics_with(&wrong.map(|name| format!("{name}: expected level:metric:operation")).collect::<Vec<_>>());
}

#[test]
fn every_alert_says_how_urgent_it_is_what_happened_and_where_to_read_on() {
    let alerts = Rule::alerts();

    let mut wrong = Vec::new();
    for alert in &alerts {
        let name = alert.name();
        if !name.starts_with("EndpointStats") {
            wrong.push(format!("{name}: expected a name that begins with EndpointStats"));
        }
        if !["critical", "warning"].contains(&alert.severity()) {
            wrong.push(format!("{name}: labels.severity: expected critical or warning"));
        }
        for field in ["/for", "/annotations/summary", "/annotations/description", "/annotations/runbook_url"] {
            if alert.text(field).is_empty() {
                wrong.push(format!("{name}: {field}: expected a text"));
            }
        }
    }

    panics_with(&wrong);
}

#[test]
fn rules_name_metrics_and_labels_that_are_exported() {
    let rules = Rule::all();

    let unknown = rules.iter().flat_map(|rule| {
        let unknown = Expression::new(rule.text("/expr")).unknown();
        unknown.into_iter().map(|finding| format!("{}: {finding}", rule.name())).collect::<Vec<_>>()
    });

    panics_with(&unknown.collect::<Vec<_>>());
}
