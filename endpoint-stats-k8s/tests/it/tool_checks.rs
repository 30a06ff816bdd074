//! What `kubernetes-validate` and `checkov` say of everything that can be applied.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use endpoint_stats_k8s::{Rendered, tools};

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

fn said(command: &mut Command) -> (bool, String) {
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
    let (is_valid, text) = said(command.args(["--strict", "--quiet"]).args(versions).arg(&file));

    assert!(is_valid, "kubernetes-validate --strict:\n{text}");
}

/// `checkov.yaml` lists the exceptions, each with its reason.
#[test]
fn checkov_finds_nothing_but_the_exceptions() {
    let settings = package().file("checkov.yaml");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("everything.yaml"), documents().join("\n---\n")).unwrap();

    let mut command = Command::new(tools::python_tool("checkov").unwrap());
    let command =
        command.args(["--framework", "kubernetes", "--skip-download", "--quiet", "--compact", "--config-file"]);
    let (is_clean, text) = said(command.arg(&settings).arg("--directory").arg(folder.path()));

    assert!(is_clean, "checkov with {}:\n{text}", shown(&settings));
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
