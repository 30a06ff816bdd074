//! Namespace, names, labels.

use std::collections::BTreeSet;

use serde_json::Value;

use super::exceptions::is_of_collector;
use crate::{Finding, Object, Pod, Rendered};

const LABELS: [(&str, &str); 3] = [
    ("app.kubernetes.io/name", "endpoint-stats"),
    ("app.kubernetes.io/part-of", "endpoint-stats"),
    ("app.kubernetes.io/managed-by", "kustomize"),
];
const MODES: [&str; 3] = ["enforce", "audit", "warn"];

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let namespace = rendered.of_kind("Namespace").next();
    let mut seen = BTreeSet::new();
    let mut findings: Vec<_> = rendered.objects.iter().filter(|object| !seen.insert(object.id())).map(twice).collect();
    match namespace {
        Some(namespace) => findings.extend(pod_security_of(namespace, level_of(rendered))),
        None => findings.push(Finding::new("Namespace", "metadata.name", "a Namespace", "none")),
    }
    for object in &rendered.objects {
        findings.extend(in_namespace(object, namespace.map_or("endpoint-stats", Object::name)));
        findings.extend(labelled(object));
    }
    findings.extend(rendered.pods().flat_map(|pod| pod_labelled(&pod)));
    findings
}

fn twice(object: &Object) -> Finding {
    object.finding("metadata.name", "one object of this kind and name", "another one")
}

fn in_namespace(object: &Object, namespace: &str) -> Option<Finding> {
    let expected = if object.is_namespaced() { namespace } else { "" };
    (object.namespace() != expected)
        .then(|| object.finding("metadata.namespace", format!("{expected:?}"), format!("{:?}", object.namespace())))
}

fn labelled(object: &Object) -> Vec<Finding> {
    missing(object.at("/metadata/labels"), &LABELS)
        .map(|(label, value, found)| object.finding(format!("metadata.labels[{label}]"), value, found))
        .collect()
}

fn pod_labelled(pod: &Pod<'_>) -> Vec<Finding> {
    let field = |label: &str| format!("the pod template's metadata.labels[{label}]");
    let name =
        missing(pod.labels(), &LABELS[..1]).map(|(label, value, found)| pod.owner.finding(field(label), value, found));
    let owner = pod.owner.text("/metadata/labels/app.kubernetes.io~1component");
    let is_alike = !pod.component().is_empty() && owner == pod.component();
    let component = "app.kubernetes.io/component";
    let unlike = (!is_alike)
        .then(|| pod.owner.finding(field(component), format!("{owner:?}, as the workload has"), pod.component()));
    name.chain(unlike).collect()
}

fn missing<'a>(
    labels: &'a Value,
    expected: &'static [(&'static str, &'static str)],
) -> impl Iterator<Item = (&'static str, &'static str, &'a Value)> {
    expected.iter().map(|(label, value)| (*label, *value, &labels[*label])).filter(|(_, value, found)| found != value)
}

/// "baseline" allows no folder of the node either.
fn level_of(rendered: &Rendered) -> &'static str {
    if is_of_collector(rendered) { "privileged" } else { "restricted" }
}

fn pod_security_of(namespace: &Object, level: &'static str) -> Vec<Finding> {
    let label = |name: &str| namespace.text(&format!("/metadata/labels/pod-security.kubernetes.io~1{name}"));
    let unlike = |name: String, expected: &'static str, is: &dyn Fn(&str) -> bool| {
        let found = label(&name);
        (!is(found))
            .then(|| namespace.finding(format!("pod-security.kubernetes.io/{name}"), expected, format!("{found:?}")))
    };
    let levels = |mode: &&str| unlike((*mode).to_owned(), level, &|found| found == level);
    let version = |mode: &&str| unlike(format!("{mode}-version"), "v1.N", &|found| found.starts_with("v1."));
    MODES.iter().filter_map(levels).chain(MODES.iter().filter_map(version)).collect()
}
