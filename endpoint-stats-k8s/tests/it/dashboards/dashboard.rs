//! [`Dashboard`]: one file of JSON, and what is asked of it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::applied::package;

pub(super) struct Dashboard {
    pub(super) file: String,
    pub(super) json: Value,
}

impl Dashboard {
    /// The dashboards, by the names of their files.
    pub(super) fn all() -> Vec<Self> {
        let folder = package().file("monitoring/grafana/dashboards");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "json")).collect();
        files.sort();
        let read = |file: &PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let json = serde_json::from_str(&fs::read_to_string(file).unwrap());
            Self { json: json.unwrap_or_else(|error| panic!("{name}: {error}")), file: name }
        };
        files.iter().map(read).collect()
    }

    pub(super) fn uid(&self) -> &str {
        self.json["uid"].as_str().unwrap_or_default()
    }

    pub(super) fn panels(&self) -> impl Iterator<Item = &Value> {
        self.json["panels"].as_array().into_iter().flatten()
    }

    /// The panels that show something: all but the headings.
    pub(super) fn charts(&self) -> impl Iterator<Item = &Value> {
        self.panels().filter(|panel| panel["type"] != "row")
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Value> {
        self.json["templating"]["list"].as_array().into_iter().flatten()
    }

    pub(super) fn expressions(&self) -> Vec<&str> {
        let targets = self.charts().flat_map(targets);
        targets.map(|target| target["expr"].as_str().unwrap_or_default()).collect()
    }

    /// The selectors of the variables.
    pub(super) fn variable_queries(&self) -> Vec<&str> {
        let queries = self.variables().filter_map(|variable| variable["query"]["query"].as_str());
        queries.map(selector).collect()
    }

    /// Every text, however deep.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut found = Vec::new();
        gather(&self.json, &mut found);
        found
    }
}

pub(super) fn targets(panel: &Value) -> &[Value] {
    panel["targets"].as_array().map_or(&[], Vec::as_slice)
}

/// The selector in `label_values(selector, label)`.
fn selector(query: &str) -> &str {
    let inside = query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(", "));
    inside.map_or_else(|| panic!("{query}: expected label_values(selector, label)"), |(selector, _)| selector)
}

fn gather<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, found)),
        _ => {}
    }
}
