//! Everything that can be applied keeps the promises of [`endpoint_stats_k8s::checks`].

use endpoint_stats_k8s::checks::CHECKS;

use crate::applied::finds_nothing;

fn holds(promise: &str) {
    let (_, check) = CHECKS.iter().find(|(name, _)| *name == promise).expect("there is such a check");
    finds_nothing(*check);
}

#[test]
fn objects_have_a_namespace_names_and_labels() {
    holds("objects have a namespace, names and labels");
}

#[test]
fn images_have_versions() {
    holds("images have versions");
}

#[test]
fn every_pod_satisfies_pod_security_restricted() {
    holds("pods satisfy Pod Security `restricted`");
}

#[test]
fn every_container_has_requests_and_limits() {
    holds("containers have requests and limits");
}

#[test]
fn probes_tell_alive_from_ready() {
    holds("probes tell alive from ready");
}

#[test]
fn jobs_end() {
    holds("jobs end");
}

#[test]
fn every_selector_selects_something() {
    holds("selectors select");
}

#[test]
fn every_reference_resolves() {
    holds("references resolve");
}

#[test]
fn volumes_mounts_and_keys_fit() {
    holds("volumes, mounts and keys fit");
}

#[test]
fn services_lead_to_ports() {
    holds("services lead to ports");
}

#[test]
fn pods_can_be_moved_and_scaled() {
    holds("pods can be moved and scaled");
}

#[test]
fn nobody_has_rights_without_need() {
    holds("nobody has rights without need");
}

#[test]
fn the_network_lets_through_what_is_listed_and_nothing_else() {
    holds("the network lets through what is listed, and nothing else");
}
