//! The repository's rules, as they are asked and as they are hurried.

use serde_json::{Value, json};

use super::{hurried, package};

/// A recording or an alerting rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// For whoever reads a failure.
    pub(super) place: String,
    pub(super) expression: String,
    pub(super) is_alert: bool,
}

/// Every rule of every file.
pub(super) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for file in package::files("prometheus/rules", "yaml") {
        for rule in rules_of(&file.content) {
            let name = text(rule, "alert").or(text(rule, "record")).expect("a rule has a name");
            rules.push(Rule {
                place: format!("{} in {}", name, file.name),
                expression: text(rule, "expr").expect("a rule has an expression").to_owned(),
                is_alert: text(rule, "alert").is_some(),
            });
        }
    }
    rules
}

/// The text of each file, its durations [hurried](hurried).
pub(super) fn hurried_files() -> Vec<String> {
    package::files("prometheus/rules", "yaml").into_iter().map(|file| hurried_file(file.content).to_string()).collect()
}

fn hurried_file(mut file: Value) -> Value {
    for group in file["groups"].as_array_mut().expect("a list of groups") {
        group["interval"] = json!(hurried::duration(text(group, "interval").unwrap_or("1m")));
        for rule in group["rules"].as_array_mut().expect("a list of rules") {
            rule["expr"] = json!(hurried::expression(rule["expr"].as_str().expect("an expression")));
            for key in ["for", "keep_firing_for"] {
                if let Some(duration) = text(rule, key).map(hurried::duration) {
                    rule[key] = json!(duration);
                }
            }
        }
    }
    file
}

fn rules_of(file: &Value) -> impl Iterator<Item = &Value> {
    let groups = file["groups"].as_array().expect("a list of groups");
    groups.iter().flat_map(|group| group["rules"].as_array().expect("a list of rules"))
}

fn text<'a>(rule: &'a Value, key: &str) -> Option<&'a str> {
    rule[key].as_str()
}
