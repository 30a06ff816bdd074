//! The operator's object with the rules is made of their files.

use std::{env, fs};

use serde_json::{Value, json};

use super::rule::{FILES, FOLDER, groups};
use crate::applied::package;

const FILE: &str = "monitoring/operator/prometheus-rule.yaml";

const HEAD: &str = "\
# Made of ../prometheus/rules: `UPDATE_RULES=1 cargo nextest run -p endpoint-stats-k8s rules::operator` makes it anew.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: endpoint-stats
  labels:
    app.kubernetes.io/component: prometheus
spec:
  groups:
";

/// The object, with the comments that the files have.
fn object() -> String {
    let groups = FILES.iter().map(|file| {
        let text = fs::read_to_string(package().file(&format!("{FOLDER}/{file}"))).unwrap();
        let (_, groups) = text.split_once("\ngroups:\n").expect("a list of groups");
        groups
            .lines()
            .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") })
            .collect::<String>()
    });
    format!("{HEAD}{}", groups.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_operator_gets_the_same_rules() {
    let file = package().file(FILE);
    let expected = object();
    if env::var_os("UPDATE_RULES").is_some() {
        fs::write(&file, &expected).unwrap();
    }

    let found = fs::read_to_string(&file).unwrap_or_default();

    assert!(found == expected, "{FILE} is not what the rules are: run this test with UPDATE_RULES=1");
    let object: Value = yaml_serde::from_str(&found).unwrap();
    assert_eq!(object["spec"], json!({ "groups": groups() }));
}

/// The API server keys a `PrometheusRule`'s groups by their names.
#[test]
fn no_two_groups_have_one_name() {
    let groups = groups();
    let mut names: Vec<_> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();

    names.sort_unstable();
    names.dedup();

    assert_eq!(names.len(), groups.len());
}
