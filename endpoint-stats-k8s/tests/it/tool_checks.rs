//! What `kubernetes-validate` and `checkov` say of everything that can be applied.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use endpoint_stats_k8s::{Rendered, tools};
use serde_json::Value;

use crate::applied::package;

/// The oldest version that the package is for, one between, and the newest whose schema is known.
const VERSIONS: [&str; 3] = ["1.32", "1.35", "1.37"];

/// What an API server knows without more; the schemas of other objects are those of their operators.
const BUILT_IN: [&str; 9] = [
    "v1",
    "apps/v1",
    "autoscaling/v2",
    "batch/v1",
    "networking.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1",
];
const OPERATORS: [&str; 6] = [
    "barmancloud.cnpg.io/",
    "cert-manager.io/",
    "external-secrets.io/",
    "gateway.networking.k8s.io/",
    "monitoring.coreos.com/",
    "postgresql.cnpg.io/",
];

/// Each object of everything that can be applied, once, as it was rendered; production's come first.
fn documents() -> Vec<String> {
    let mut applied: Vec<_> = package().applied().unwrap();
    applied.sort_by_key(|applied| applied.name != "overlays/production");
    let mut seen = BTreeSet::new();
    let texts = applied.iter().filter_map(|applied| applied.yaml.as_ref().ok());
    let documents = texts.flat_map(|text| text.split("\n---\n")).map(str::to_owned);
    documents.filter(|document| seen.insert(document.clone())).collect()
}

fn api_version(document: &str) -> String {
    let rendered = Rendered::parse("", document).unwrap();
    rendered.objects[0].text("/apiVersion").to_owned()
}

pub(crate) fn said(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn every_object_is_of_a_version_that_clusters_serve() {
    let documents = documents();

    let versions: BTreeSet<_> = documents.iter().map(|document| api_version(document)).collect();
    let is_known = |version: &&String| {
        BUILT_IN.contains(&version.as_str()) || OPERATORS.iter().any(|operator| version.starts_with(operator))
    };
    let unknown: Vec<_> = versions.iter().filter(|version| !is_known(version)).collect();

    assert!(unknown.is_empty(), "expected one of {BUILT_IN:?} or of {OPERATORS:?}; found {unknown:?}");
}

#[test]
fn three_versions_of_kubernetes_take_every_object() {
    let documents = documents();
    let built_in = documents.iter().filter(|document| BUILT_IN.contains(&api_version(document).as_str()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("everything.yaml");
    fs::write(&file, built_in.cloned().collect::<Vec<_>>().join("\n---\n")).unwrap();

    let versions = VERSIONS.iter().flat_map(|version| ["-k", version]);
    let mut command = Command::new(tools::python_tool("kubernetes-validate").unwrap());
    let (is_valid, text) = said(command.args(["--strict"]).args(versions).arg(&file));

    let refused: Vec<_> = text.lines().filter(|line| !line.starts_with("INFO")).collect();
    assert!(is_valid && refused.is_empty(), "kubernetes-validate --strict:\n{}", refused.join("\n"));
    let asked = text.lines().filter(|line| line.starts_with("INFO")).count();
    assert!(asked > 100 * VERSIONS.len(), "kubernetes-validate was asked for {asked} objects");
}

/// `checkov.yaml` lists the exceptions, each with its reason.
#[test]
fn checkov_finds_nothing_but_the_exceptions() {
    let settings = package().file("checkov.yaml");
    // A hidden folder, as a temporary one is by default, checkov passes by.
    let folder = tempfile::Builder::new().prefix("checkov").tempdir().unwrap();
    fs::write(folder.path().join("everything.yaml"), documents().join("\n---\n")).unwrap();

    let mut command = Command::new(tools::python_tool("checkov").unwrap());
    let command = command.args(["--framework", "kubernetes", "--skip-download", "--compact", "--output", "json"]);
    let (_, text) = said(command.arg("--config-file").arg(&settings).arg("--directory").arg(folder.path()));
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("checkov: {error}:\n{text}"));

    let failed = report["results"]["failed_checks"].as_array().map_or(&[][..], Vec::as_slice);
    let lines = failed.iter().map(|check| {
        let field = |name: &str| check[name].as_str().unwrap_or_default();
        format!("{}: {}: {}", field("resource"), field("check_id"), field("check_name"))
    });
    let lines: Vec<_> = lines.collect();
    assert!(lines.is_empty(), "checkov, {} findings:\n  {}", lines.len(), lines.join("\n  "));
    let passed = report["summary"]["passed"].as_u64();
    assert!(passed > Some(500), "checkov asked too little: {}", report["summary"]);
}
