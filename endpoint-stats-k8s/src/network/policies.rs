//! [`permits`]: whether the policies let a connection pass.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::actor::policies_for;
use super::{Actor, Place, Protocol};
use crate::{Rendered, selects};

/// Whether the policies let a connection pass.
pub fn permits(rendered: &Rendered, from: &Actor, to: &Actor, port: u16, protocol: Protocol) -> bool {
    let asked = Asked { rendered, receiver: to, port, protocol };
    asked.side(from, to, "Egress", "egress", "to") && asked.side(to, from, "Ingress", "ingress", "from")
}

struct Asked<'a> {
    rendered: &'a Rendered,
    receiver: &'a Actor,
    port: u16,
    protocol: Protocol,
}

impl Asked<'_> {
    /// Whether one side lets the other through.
    fn side(&self, own: &Actor, other: &Actor, direction: &str, rules: &str, peers: &str) -> bool {
        let Place::Inside(labels, _) = &own.place else { return true };
        let mut policies = policies_for(self.rendered, direction, labels).peekable();
        if policies.peek().is_none() {
            return true;
        }
        policies.any(|policy| {
            let rules = policy.list(&format!("/spec/{rules}"));
            rules.iter().any(|rule| self.is_port(&rule["ports"]) && self.is_peer(&rule[peers], other))
        })
    }

    fn is_port(&self, ports: &Value) -> bool {
        let Some(ports) = ports.as_array().filter(|ports| !ports.is_empty()) else { return true };
        ports.iter().any(|given| {
            let is_protocol = given["protocol"].as_str().unwrap_or("TCP") == self.protocol.name();
            is_protocol && (given["port"].is_null() || self.is_number(given))
        })
    }

    fn is_number(&self, given: &Value) -> bool {
        let first = match &given["port"] {
            Value::String(name) => self.named(name),
            number => number.as_u64(),
        };
        let last = given["endPort"].as_u64().or(first);
        first.zip(last).is_some_and(|(first, last)| (first..=last).contains(&u64::from(self.port)))
    }

    fn named(&self, name: &str) -> Option<u64> {
        let Place::Inside(_, ports) = &self.receiver.place else { return None };
        ports.iter().find(|(known, _)| known == name).map(|(_, port)| u64::from(*port))
    }

    fn is_peer(&self, peers: &Value, other: &Actor) -> bool {
        let Some(peers) = peers.as_array().filter(|peers| !peers.is_empty()) else { return true };
        peers.iter().any(|peer| self.is_named_by(peer, other))
    }

    fn is_named_by(&self, peer: &Value, other: &Actor) -> bool {
        if peer["ipBlock"].is_object() {
            return matches!(other.place, Place::Address(address) if in_block(&peer["ipBlock"], address));
        }
        let (namespace, labels) = match &other.place {
            Place::Inside(labels, _) => (None, labels),
            Place::Elsewhere(namespace, labels) => (Some(*namespace), labels),
            Place::Address(_) => return false,
        };
        let is_namespace = match (&peer["namespaceSelector"], namespace) {
            (Value::Null, namespace) => namespace.is_none(),
            (selector, namespace) => selects(selector, &self.namespace_labels(namespace)),
        };
        is_namespace && (peer["podSelector"].is_null() || selects(&peer["podSelector"], labels))
    }

    fn namespace_labels(&self, namespace: Option<&str>) -> Value {
        let own = self.rendered.of_kind("Namespace").next().map_or("endpoint-stats", |namespace| namespace.name());
        json!({ "kubernetes.io/metadata.name": namespace.unwrap_or(own) })
    }
}

fn in_block(block: &Value, address: IpAddr) -> bool {
    let is_in = |cidr: &Value| cidr.as_str().is_some_and(|cidr| in_cidr(cidr, address));
    let excepted = block["except"].as_array().is_some_and(|all| all.iter().any(is_in));
    is_in(&block["cidr"]) && !excepted
}

fn in_cidr(cidr: &str, address: IpAddr) -> bool {
    let Some((network, length)) = cidr.split_once('/') else { return false };
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (u128::from(network.to_bits()), address.to_bits().into(), 32),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let host_bits = u32::saturating_sub(width, length);
    let without_host = |bits: u128| bits.checked_shr(host_bits).unwrap_or(0);
    without_host(network) == without_host(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_addresses_and_not_its_exceptions() {
        let block = json!({ "cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"] });

        assert!(in_block(&block, "10.2.0.1".parse().unwrap()));
        assert!(!in_block(&block, "10.1.0.1".parse().unwrap()));
        assert!(!in_block(&block, "11.0.0.1".parse().unwrap()));
        assert!(!in_block(&block, "::1".parse().unwrap()));
    }

    #[test]
    fn the_block_of_everything_holds_everything() {
        assert!(in_cidr("0.0.0.0/0", "203.0.113.9".parse().unwrap()));
        assert!(in_cidr("::/0", "2001:db8::9".parse().unwrap()));
    }
}
