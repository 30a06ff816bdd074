//! [`Rule`]: a rule of Prometheus as its file has it.

use std::fs;

use serde_json::Value;

use crate::applied::package;

pub(super) const FOLDER: &str = "monitoring/prometheus/rules";
pub(super) const FILES: [&str; 2] = ["recording.yaml", "alerts.yaml"];

/// A rule of Prometheus as its file has it.
#[derive(Debug)]
pub(super) struct Rule(Value);

impl Rule {
    pub(super) fn all() -> Vec<Self> {
        let rules = groups().into_iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default());
        rules.map(Self).collect()
    }

    pub(super) fn alerts() -> Vec<Self> {
        Self::all().into_iter().filter(Self::is_alert).collect()
    }

    pub(super) fn recorded() -> Vec<Self> {
        Self::all().into_iter().filter(|rule| !rule.is_alert()).collect()
    }

    fn is_alert(&self) -> bool {
        self.0["alert"].is_string()
    }

    /// The name of an alert, or of what is recorded.
    pub(super) fn name(&self) -> &str {
        self.0["alert"].as_str().or(self.0["record"].as_str()).expect("a rule has a name")
    }

    pub(super) fn severity(&self) -> &str {
        self.text("/labels/severity")
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The groups of all files, in the order in which they are listed.
pub(super) fn groups() -> Vec<Value> {
    let groups = FILES.iter().map(|file| read(&format!("{FOLDER}/{file}"))["groups"].take());
    groups.flat_map(|groups| groups.as_array().cloned().expect("a list of groups")).collect()
}

/// A file of the package, as YAML.
pub(super) fn read(path: &str) -> Value {
    let text = fs::read_to_string(package().file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}
