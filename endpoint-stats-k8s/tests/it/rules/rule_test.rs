//! [`RuleTest`]: a test of promtool's, as far as it says which alerts fire when.

use serde_json::Value;

use super::rule::read;
use crate::applied::package;

const FOLDER: &str = "monitoring/prometheus/tests/";

/// A test of promtool's, as far as it says which alerts fire when.
#[derive(Clone, Debug)]
pub(super) struct RuleTest {
    /// Its file and its name.
    pub(super) name: String,
    pub(super) interval: String,
    pub(super) expected: Vec<Expected>,
    /// The expressions of which a value is expected.
    pub(super) valued: Vec<String>,
}

/// What is expected of the alerts of one name at one time.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) alert: String,
    pub(super) minutes: u64,
    /// The severity of each that fires.
    pub(super) fired: Vec<String>,
    /// How many of those have their annotations beside them.
    pub(super) annotated: usize,
}

/// A file of tests, as YAML, with its path.
pub(super) fn files() -> Vec<(String, Value)> {
    let files = package().files().unwrap().into_iter().filter(|file| file.starts_with(FOLDER));
    files.map(|file| (file.clone(), read(&file))).collect()
}

impl RuleTest {
    pub(super) fn all() -> Vec<Self> {
        let tests = files().into_iter().flat_map(|(file, value)| {
            let tests = list(&value["tests"]).iter();
            tests.map(|test| Self::of(&file, test)).collect::<Vec<_>>()
        });
        tests.collect()
    }

    fn of(file: &str, test: &Value) -> Self {
        let has_value = |test: &&Value| !list(&test["exp_samples"]).is_empty();
        let valued = list(&test["promql_expr_test"]).iter().filter(has_value).map(|test| text(&test["expr"]));
        Self {
            name: format!("{file}: {}", text(&test["name"])),
            interval: text(&test["interval"]),
            expected: list(&test["alert_rule_test"]).iter().map(Expected::of).collect(),
            valued: valued.collect(),
        }
    }

    /// What is expected of an alert, in the order of time.
    pub(super) fn of_alert(&self, alert: &str) -> Vec<&Expected> {
        self.expected.iter().filter(|expected| expected.alert == alert).collect()
    }

    /// Whether an alert does not fire, and does so one interval later.
    pub(super) fn begins(&self, alert: &str, severity: &str) -> bool {
        let interval = minutes(&self.interval);
        let expected = self.of_alert(alert);
        let begins = |pair: &[&Expected]| {
            let (before, after) = (pair[0], pair[1]);
            !before.fires(severity) && after.fires(severity) && Some(after.minutes - before.minutes) == interval
        };
        expected.windows(2).any(begins)
    }

    /// Whether it speaks of an alert that never fires in it.
    pub(super) fn never_fires(&self, alert: &str, severity: &str) -> bool {
        let expected = self.of_alert(alert);
        !expected.is_empty() && !expected.iter().any(|expected| expected.fires(severity))
    }
}

impl Expected {
    fn of(value: &Value) -> Self {
        let fired = list(&value["exp_alerts"]);
        let is_annotated = |alert: &&Value| {
            ["summary", "description", "runbook_url"].iter().all(|name| alert["exp_annotations"][*name].is_string())
        };
        let time = text(&value["eval_time"]);
        Self {
            alert: text(&value["alertname"]),
            minutes: minutes(&time).unwrap_or_else(|| panic!("eval_time {time}: expected minutes, as 15m")),
            fired: fired.iter().map(|alert| text(&alert["exp_labels"]["severity"])).collect(),
            annotated: fired.iter().filter(is_annotated).count(),
        }
    }

    fn fires(&self, severity: &str) -> bool {
        self.fired.iter().any(|fired| fired == severity)
    }
}

fn minutes(text: &str) -> Option<u64> {
    text.strip_suffix('m')?.parse().ok()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
