//! Services: not open to the world, and every port leads to a port of every pod behind it.

use serde_json::Value;

use crate::selector::has_pairs;
use crate::{Finding, Object, Pod, Rendered};

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let services = rendered.of_kind("Service");
    let services = services.flat_map(|service| [of_type(service), of_ports(service, rendered)].concat());
    services.chain(rendered.pods().flat_map(|pod| misnamed(&pod))).collect()
}

/// The API server takes names of ports of up to 15 small letters, digits and dashes; no schema says so.
fn misnamed(pod: &Pod<'_>) -> Vec<Finding> {
    let is_name = |name: &str| {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=15).contains(&name.len()) && name.chars().all(is_allowed)
    };
    let ports = pod
        .containers()
        .into_iter()
        .flat_map(|container| container.ports().into_iter().map(move |port| (container, port.0)));
    let wrong = ports.filter(|(_, name)| !is_name(name));
    wrong.map(|(container, name)| container.finding("ports.name", "1 to 15 of a-z, 0-9 and '-'", name)).collect()
}

fn of_type(service: &Object) -> Vec<Finding> {
    let kind = service.at("/spec/type");
    let is_closed = ["ClusterIP", "ExternalName"].iter().any(|closed| kind == closed);
    let open = (!is_closed).then(|| service.finding("spec.type", "ClusterIP", kind));
    let external = service.at("/spec/externalIPs");
    let external_ips = (!external.is_null()).then(|| service.finding("spec.externalIPs", "nothing", external));
    open.into_iter().chain(external_ips).collect()
}

fn of_ports(service: &Object, rendered: &Rendered) -> Vec<Finding> {
    let pods: Vec<_> = rendered.pods().filter(|pod| has_pairs(service.at("/spec/selector"), pod.labels())).collect();
    let pairs = service.list("/spec/ports").iter().flat_map(|port| pods.iter().map(move |pod| (port, pod)));
    pairs.flat_map(|(port, pod)| of_port(service, port, pod)).collect()
}

fn of_port(service: &Object, port: &Value, pod: &Pod<'_>) -> Vec<Finding> {
    let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
    let field = format!("spec.ports[{}]", port["name"].as_str().unwrap_or_default());
    let unnamed = port["name"].is_null().then(|| service.finding("spec.ports", "names", port));
    let number = pod.port(target);
    let lost = number
        .is_none()
        .then(|| service.finding(format!("{field}.targetPort"), format!("a port of {}", pod.owner.id()), target));
    // The network's policies speak of one number, so there is one.
    let differs = number.is_some_and(|number| port["port"] != number);
    let differs = differs
        .then(|| service.finding(format!("{field}.port"), format!("the container's, {number:?}"), &port["port"]));
    unnamed.into_iter().chain(lost).chain(differs).collect()
}
