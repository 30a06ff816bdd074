//! [`Actor`]: somebody who may connect, or be connected to.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::{Flow, Protocol};
use crate::{Object, Rendered};

/// Somebody who may connect, or be connected to.
#[derive(Clone, Debug)]
pub struct Actor {
    /// What the table of flows calls it; `anywhere` for those it does not name.
    pub role: String,
    /// What messages call it.
    pub name: String,
    /// Where it is.
    pub place: Place,
}

/// Where somebody is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A pod of the application's namespace: its labels, and its ports by name.
    Inside(Value, Vec<(String, u16)>),
    /// A pod of another namespace: the namespace's name, and the pod's labels.
    Elsewhere(&'static str, Value),
    /// An address out of the cluster.
    Address(IpAddr),
}

impl Actor {
    fn new(role: &str, name: &str, place: Place) -> Self {
        Self { role: role.to_owned(), name: name.to_owned(), place }
    }

    /// Whether it is a pod of the application's namespace.
    pub fn is_inside(&self) -> bool {
        matches!(self.place, Place::Inside(..))
    }
}

/// Everybody: the pods, the components of the table that are not rendered, and strangers.
pub fn actors(rendered: &Rendered, flows: &BTreeSet<Flow>) -> Vec<Actor> {
    let pods = rendered.pods().map(|pod| {
        let ports = pod.containers().iter().flat_map(crate::Container::ports).collect::<Vec<_>>();
        let ports = ports.into_iter().filter_map(|(name, port)| Some((name.to_owned(), u16::try_from(port).ok()?)));
        Actor::new(pod.component(), &pod.owner.id(), Place::Inside(pod.labels().clone(), ports.collect()))
    });
    let mut actors: Vec<_> = pods.collect();
    let named: BTreeSet<_> = flows.iter().flat_map(|flow| [&flow.from, &flow.to]).collect();
    let others = named.into_iter().filter(|name| !["anywhere", "monitoring", "dns"].contains(&name.as_str()));
    for name in others {
        if !actors.iter().any(|actor| actor.role == *name) {
            actors.push(absent(name, rendered, flows));
        }
    }
    actors.extend(strangers());
    actors
}

/// A component that is not rendered: at the address that a policy names for its port, or a pod that may be added.
fn absent(name: &str, rendered: &Rendered, flows: &BTreeSet<Flow>) -> Actor {
    let port = flows.iter().find(|flow| flow.to == name).map(|flow| flow.port);
    let place = port
        .and_then(|port| outside(rendered, port))
        .map_or_else(|| Place::Inside(labels("endpoint-stats", name), Vec::new()), Place::Address);
    Actor::new(name, &format!("{name} (not rendered)"), place)
}

fn outside(rendered: &Rendered, port: u16) -> Option<IpAddr> {
    let rules: Vec<_> = rendered.of_kind("NetworkPolicy").flat_map(|policy| policy.list("/spec/egress")).collect();
    let is_for_port =
        |rule: &&&Value| rule["ports"].as_array().into_iter().flatten().any(|given| given["port"] == port);
    let blocks = rules.iter().filter(is_for_port).filter_map(|rule| rule["to"].as_array()).flatten();
    let cidr = blocks.into_iter().find_map(|peer| peer["ipBlock"]["cidr"].as_str())?;
    cidr.split('/').next()?.parse().ok()
}

fn strangers() -> Vec<Actor> {
    let dns = json!({ "k8s-app": "kube-dns" });
    let prometheus = labels("prometheus", "prometheus");
    vec![
        Actor::new("dns", "DNS", Place::Elsewhere("kube-system", dns)),
        Actor::new("monitoring", "monitoring's Prometheus", Place::Elsewhere("monitoring", prometheus.clone())),
        Actor::new("anywhere", "a Prometheus elsewhere", Place::Elsewhere("default", prometheus)),
        Actor::new(
            "anywhere",
            "another pod of monitoring",
            Place::Elsewhere("monitoring", labels("grafana", "grafana")),
        ),
        Actor::new("anywhere", "an api elsewhere", Place::Elsewhere("default", labels("endpoint-stats", "api"))),
        Actor::new("anywhere", "a pod without labels", Place::Elsewhere("default", json!({}))),
        Actor::new("anywhere", "an IPv4 address", Place::Address(Ipv4Addr::new(203, 0, 113, 9).into())),
        Actor::new(
            "anywhere",
            "an IPv6 address",
            Place::Address(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9).into()),
        ),
    ]
}

fn labels(name: &str, component: &str) -> Value {
    json!({ "app.kubernetes.io/name": name, "app.kubernetes.io/component": component })
}

/// The ports to try: those of the table, those of the pods, and some that nobody should reach.
pub(crate) fn ports(rendered: &Rendered, flows: &BTreeSet<Flow>) -> BTreeSet<(u16, Protocol)> {
    let listed = flows.iter().map(|flow| (flow.port, flow.protocol));
    let declared: Vec<_> = rendered.pods().flat_map(|pod| pod.containers()).collect();
    let declared = declared.iter().flat_map(crate::Container::ports);
    let declared = declared.filter_map(|(_, port)| Some((u16::try_from(port).ok()?, Protocol::Tcp)));
    let others = [22, 80, 443, 6443].map(|port| (port, Protocol::Tcp));
    listed.chain(declared).chain(others).chain([(443, Protocol::Udp)]).collect()
}

/// The policies of a direction that select a pod with these labels.
pub(crate) fn policies_for<'a>(
    rendered: &'a Rendered,
    direction: &'a str,
    labels: &'a Value,
) -> impl Iterator<Item = &'a Object> {
    rendered.of_kind("NetworkPolicy").filter(move |policy| {
        let types = policy.list("/spec/policyTypes");
        let is_of_direction = match types {
            [] => direction == "Ingress" || policy.at("/spec/egress").is_array(),
            types => types.iter().any(|given| given == direction),
        };
        is_of_direction && crate::selects(policy.at("/spec/podSelector"), labels)
    })
}
