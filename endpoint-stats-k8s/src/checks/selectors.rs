//! Selectors: each of them selects something.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::network::{Place, actors, flows};
use crate::selector::has_pairs;
use crate::{Finding, Object, Pod, Rendered, selects, tools};

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let labels: Vec<_> = rendered.pods().map(|pod| pod.labels().clone()).collect();
    let workloads = rendered.pods().flat_map(|pod| [of_workload(&pod), of_placement(&pod)].concat());
    let services = rendered.of_kind("Service").filter_map(|service| of_service(service, &labels));
    let budgets = rendered.of_kind("PodDisruptionBudget").filter_map(|budget| {
        let selector = budget.at("/spec/selector");
        dangling(budget, "spec.selector", selector, &labels)
    });
    let policies = rendered.of_kind("NetworkPolicy").flat_map(|policy| of_policy(policy, rendered));
    workloads.chain(overlapping(rendered)).chain(services).chain(budgets).chain(policies).collect()
}

fn of_workload(pod: &Pod<'_>) -> Vec<Finding> {
    if !["Deployment", "StatefulSet", "DaemonSet"].contains(&pod.owner.kind()) {
        return Vec::new();
    }
    let selector = pod.owner.at("/spec/selector");
    let is_own = selector["matchLabels"].is_object() && selects(selector, pod.labels());
    let unlike =
        (!is_own).then(|| pod.owner.finding("spec.selector", format!("what selects {}", pod.labels()), selector));
    unlike.into_iter().collect()
}

/// Two workloads that select one another's pods take them from each other.
fn overlapping(rendered: &Rendered) -> Vec<Finding> {
    let pods: Vec<_> = rendered.pods().collect();
    let pairs = pods.iter().flat_map(|pod| pods.iter().map(move |other| (pod.owner, other)));
    let overlap = pairs.filter(|(owner, other)| {
        let selector = owner.at("/spec/selector");
        owner.id() != other.owner.id() && selector.is_object() && selects(selector, other.labels())
    });
    overlap
        .map(|(owner, other)| {
            owner.finding("spec.selector", "its own pods alone", format!("those of {}", other.owner.id()))
        })
        .collect()
}

/// Affinity and spread are about the pods themselves.
fn of_placement(pod: &Pod<'_>) -> Vec<Finding> {
    let spread =
        pod.at("/topologySpreadConstraints").as_array().into_iter().flatten().map(|entry| &entry["labelSelector"]);
    let affinity = pod.at("/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution").as_array();
    let affinity = affinity.into_iter().flatten().map(|entry| &entry["podAffinityTerm"]["labelSelector"]);
    let strict = pod.at("/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution").as_array();
    let strict = strict.into_iter().flatten().map(|entry| &entry["labelSelector"]);
    let missed =
        spread.chain(affinity).chain(strict).filter(|selector| selector.is_null() || !selects(selector, pod.labels()));
    missed
        .map(|selector| pod.finding("affinity or topologySpreadConstraints", "a selector of its own pods", selector))
        .collect()
}

fn of_service(service: &Object, pods: &[Value]) -> Option<Finding> {
    let selector = service.at("/spec/selector");
    let is_dangling =
        service.text("/spec/type") != "ExternalName" && !pods.iter().any(|labels| has_pairs(selector, labels));
    is_dangling.then(|| service.finding("spec.selector", "what selects a pod", selector))
}

fn of_policy(policy: &Object, rendered: &Rendered) -> Vec<Finding> {
    let table = std::fs::read_to_string(tools::repository().join("endpoint-stats-k8s/security/README.md"));
    let listed = table.ok().and_then(|table| flows(&table).ok()).unwrap_or_default();
    let inside = actors(rendered, &listed).into_iter().filter_map(|actor| match actor.place {
        Place::Inside(labels, _) => Some(labels),
        _ => None,
    });
    let inside: Vec<_> = inside.collect();
    let own = dangling(policy, "spec.podSelector", policy.at("/spec/podSelector"), &inside);
    let peers = [("ingress", "from"), ("egress", "to")].into_iter().flat_map(|(rules, peers)| {
        let rules = policy.list(&format!("/spec/{rules}")).iter();
        rules.flat_map(move |rule| rule[peers].as_array().into_iter().flatten())
    });
    let peers = peers.filter(|peer| peer["namespaceSelector"].is_null() && peer["ipBlock"].is_null());
    let peers = peers.filter_map(|peer| dangling(policy, "spec peers' podSelector", &peer["podSelector"], &inside));
    own.into_iter().chain(peers).chain(of_listed_values(policy, &inside)).collect()
}

/// A value of a list that no pod has is a misspelt one, also beside others that are right.
fn of_listed_values(policy: &Object, pods: &[Value]) -> Vec<Finding> {
    let mut listed = BTreeSet::new();
    collect(policy.at("/spec"), &mut listed);
    let is_known = |(key, value): &&(String, String)| pods.iter().any(|labels| labels[key] == value.as_str());
    let unknown = listed.iter().filter(|pair| !is_known(pair));
    unknown.map(|(key, value)| policy.finding("spec", format!("values of {key} that a pod has"), value)).collect()
}

fn collect(value: &Value, found: &mut BTreeSet<(String, String)>) {
    if value["operator"] == "In" && value["key"] != "kubernetes.io/metadata.name" {
        let key = value["key"].as_str().unwrap_or_default();
        let values = value["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(values.map(|value| (key.to_owned(), value.to_owned())));
    }
    let below: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    for value in below {
        collect(value, found);
    }
}

fn dangling(object: &Object, field: &str, selector: &Value, pods: &[Value]) -> Option<Finding> {
    let is_dangling = selector.is_null() || !pods.iter().any(|labels| selects(selector, labels));
    is_dangling.then(|| object.finding(field, "what selects a pod", selector))
}
