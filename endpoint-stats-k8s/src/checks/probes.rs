//! Probes: whoever serves says when it is alive and when it is ready, and these are two questions.

use serde_json::Value;

use crate::{Container, Finding, Rendered};

const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let serving = rendered.pods().filter(|pod| ["Deployment", "StatefulSet"].contains(&pod.owner.kind()));
    let containers: Vec<_> =
        serving.flat_map(|pod| pod.containers()).filter(|container| !container.is_init()).collect();
    containers.iter().flat_map(of_container).collect()
}

fn of_container(container: &Container<'_>) -> Vec<Finding> {
    let probe = |name: &str| container.at(&format!("/{name}"));
    let missing =
        PROBES.iter().filter(|name| probe(name).is_null()).map(|name| container.finding(name, "a probe", "none"));
    let unknown = PROBES.iter().filter_map(|name| unknown_port(container, name));
    let asks = |name: &str| {
        probe(name).as_object().map(|fields| {
            ["httpGet", "exec", "tcpSocket", "grpc"].map(|kind| fields.get(kind).cloned().unwrap_or(Value::Null))
        })
    };
    let is_same = asks("livenessProbe").is_some() && asks("livenessProbe") == asks("readinessProbe");
    let same =
        is_same.then(|| container.finding("readinessProbe", "another question than livenessProbe", "the same one"));
    missing.chain(unknown).chain(same).chain(hasty(container)).collect()
}

fn unknown_port(container: &Container<'_>, name: &str) -> Option<Finding> {
    let probe = container.at(&format!("/{name}"));
    let port =
        ["httpGet", "tcpSocket", "grpc"].iter().map(|kind| &probe[*kind]["port"]).find(|port| !port.is_null())?;
    let declared = container.ports();
    let is_declared = declared.iter().any(|(name, number)| port == name || port == number);
    (!is_declared).then(|| container.finding(&format!("{name}.port"), format!("one of {declared:?}"), port))
}

/// A restart helps less than patience: whoever is not ready is left alone for longer than it is sent no one.
fn hasty(container: &Container<'_>) -> Option<Finding> {
    let number = |name: &str, default: u64| container.at(name).as_u64().unwrap_or(default);
    let patience =
        |probe: &str| number(&format!("/{probe}/periodSeconds"), 10) * number(&format!("/{probe}/failureThreshold"), 3);
    let (alive, ready) = (patience("livenessProbe"), patience("readinessProbe"));
    (alive <= ready)
        .then(|| container.finding("livenessProbe", format!("more than readiness' {ready} s"), format!("{alive} s")))
}
