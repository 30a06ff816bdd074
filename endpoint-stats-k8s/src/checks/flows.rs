//! The network's policies against the table of flows.

use std::collections::BTreeSet;
use std::fs;

use super::exceptions::{is_collector, is_of_collector};
use crate::network::{Actor, Flow, Protocol, actors, flows, permits, ports};
use crate::{Finding, Rendered, tools};

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let table = tools::repository().join("endpoint-stats-k8s/security/README.md");
    let listed = fs::read_to_string(table).map_err(|error| error.to_string()).and_then(|text| flows(&text));
    match listed {
        Ok(listed) => differences(rendered, &of_namespace(rendered, listed)),
        Err(error) => vec![Finding::new("security/README.md", "the table of flows", "| from | to | port |", error)],
    }
}

/// The collector has a namespace of its own, and in the others there is none.
fn of_namespace(rendered: &Rendered, listed: BTreeSet<Flow>) -> BTreeSet<Flow> {
    let is_its_own = is_of_collector(rendered);
    listed.into_iter().filter(|flow| is_collector(&flow.from) == is_its_own).collect()
}

fn differences(rendered: &Rendered, listed: &BTreeSet<Flow>) -> Vec<Finding> {
    let (actors, ports) = (actors(rendered, listed), ports(rendered, listed));
    let pairs = actors.iter().flat_map(|from| actors.iter().map(move |to| (from, to)));
    let pairs = pairs.filter(|(from, to)| from.is_inside() || to.is_inside());
    let questions = pairs.flat_map(|(from, to)| ports.iter().map(move |port| (from, to, *port)));
    questions.filter_map(|(from, to, port)| difference(rendered, listed, from, to, port)).collect()
}

fn difference(
    rendered: &Rendered,
    listed: &BTreeSet<Flow>,
    from: &Actor,
    to: &Actor,
    (port, protocol): (u16, Protocol),
) -> Option<Finding> {
    let is_listed = is_listed(listed, from, to, port, protocol);
    let passes = permits(rendered, from, to, port, protocol);
    let word = |passes: bool| if passes { "passes" } else { "denied" };
    let flow = format!("{} -> {} {port}/{}", from.name, to.name, protocol.name());
    (is_listed != passes).then(|| Finding::new("NetworkPolicy", flow, word(is_listed), word(passes)))
}

fn is_listed(listed: &BTreeSet<Flow>, from: &Actor, to: &Actor, port: u16, protocol: Protocol) -> bool {
    let has =
        |from: &str, to: &str| listed.contains(&Flow { from: from.to_owned(), to: to.to_owned(), port, protocol });
    let is_from_anywhere = !from.is_inside() && has("anywhere", &to.role);
    let is_to_anywhere = !to.is_inside() && has(&from.role, "anywhere");
    has(&from.role, &to.role) || is_from_anywhere || is_to_anywhere
}
