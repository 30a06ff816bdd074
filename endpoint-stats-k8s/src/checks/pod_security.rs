//! Pod Security Standards, level `restricted`, and what this package promises beyond: no token, no writable root, no links.
//!
//! The fields are those of `kubernetes/pod-security-admission`, `policy/check_*.go`; [`exceptions`](super::exceptions) has
//! who may do more.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::exceptions::{asks_the_cluster, is_needed_of_the_node, is_of_collector};
use crate::{Container, Finding, Pod, Rendered};

const VOLUMES: [&str; 9] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "projected",
    "secret",
    "csi",
    "persistentVolumeClaim",
    "ephemeral",
    "image",
];
/// The users that the images are made for; a script in another's image runs as any.
const USERS: [(&str, u64); 9] = [
    ("endpoint-stats-server", 10001),
    ("postgres", 999),
    ("redis", 999),
    ("prometheus", 65534),
    ("alertmanager", 65534),
    ("grafana", 472),
    ("postgres-exporter", 65534),
    ("redis_exporter", 59000),
    ("kube-state-metrics", 65534),
];
const PROBES: [&str; 5] =
    ["/livenessProbe", "/readinessProbe", "/startupProbe", "/lifecycle/postStart", "/lifecycle/preStop"];

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let is_root = is_of_collector(rendered);
    let of_pods = |pod| [of_pod(&pod, is_root), of_volumes(&pod, is_root), of_containers(&pod)].concat();
    rendered.pods().flat_map(of_pods).collect()
}

fn of_pod(pod: &Pod<'_>, is_root: bool) -> Vec<Finding> {
    let wanted = [
        ("/automountServiceAccountToken", json!(asks_the_cluster(pod.component()))),
        ("/enableServiceLinks", json!(false)),
        ("/securityContext/runAsNonRoot", json!(true)),
        ("/securityContext/seccompProfile/type", json!("RuntimeDefault")),
    ];
    let unset = [
        "/hostNetwork",
        "/hostPID",
        "/hostIPC",
        "/hostUsers",
        "/securityContext/sysctls",
        "/securityContext/seLinuxOptions",
        "/securityContext/appArmorProfile",
        "/securityContext/windowsOptions",
    ];
    let wanted = wanted.iter().filter(|(pointer, _)| !is_root || *pointer != "/securityContext/runAsNonRoot");
    let unlike = wanted.filter(|(pointer, value)| pod.at(pointer) != value);
    let unlike = unlike.map(|(pointer, value)| pod.finding(&dotted(pointer), value.to_string(), pod.at(pointer)));
    let set = unset.iter().filter(|pointer| !is_off(pod.at(pointer)));
    let set = set.map(|pointer| pod.finding(&dotted(pointer), "nothing", pod.at(pointer)));
    unlike.chain(set).chain(of_user(pod)).collect()
}

fn of_user(pod: &Pod<'_>) -> Vec<Finding> {
    let containers = pod.containers();
    let images = containers.iter().filter(|container| !container.is_init()).map(Container::image_name);
    let users = images.filter_map(|image| USERS.iter().find(|(name, _)| *name == image)).map(|(_, user)| *user);
    let users: BTreeSet<_> = users.collect();
    let fields = ["/securityContext/runAsUser", "/securityContext/runAsGroup", "/securityContext/fsGroup"];
    let pairs = users.iter().flat_map(|user| fields.iter().map(move |pointer| (user, pointer)));
    let unlike = pairs.filter(|(user, pointer)| pod.at(pointer) != **user);
    unlike.map(|(user, pointer)| pod.finding(&dotted(pointer), user.to_string(), pod.at(pointer))).collect()
}

fn of_volumes(pod: &Pod<'_>, is_of_collector: bool) -> Vec<Finding> {
    let volumes = pod.at("/volumes").as_array().map_or(&[][..], Vec::as_slice);
    let sources = volumes.iter().flat_map(|volume| {
        let sources = volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        sources.filter(|key| *key != "name").map(move |source| (volume, source))
    });
    let is_needed = |volume: &Value| is_of_collector && is_needed_of_the_node(pod, volume);
    let refused = sources.filter(|(volume, source)| !VOLUMES.contains(source) && !is_needed(volume));
    let refused = refused.map(|(volume, source)| {
        let field = format!("volumes[{}]", volume["name"].as_str().unwrap_or_default());
        pod.finding(&field, VOLUMES.join(", "), source)
    });
    let unbounded =
        volumes.iter().filter(|volume| volume["emptyDir"].is_object() && volume["emptyDir"]["sizeLimit"].is_null());
    let unbounded = unbounded.map(|volume| {
        let field = format!("volumes[{}].emptyDir.sizeLimit", volume["name"].as_str().unwrap_or_default());
        pod.finding(&field, "a limit", "none")
    });
    refused.chain(unbounded).collect()
}

fn of_containers(pod: &Pod<'_>) -> Vec<Finding> {
    pod.containers().iter().flat_map(of_container).collect()
}

fn of_container(container: &Container<'_>) -> Vec<Finding> {
    let context = |field: &str| container.at(&format!("/securityContext/{field}"));
    let finding = |field: &str, expected: &str, found: &Value| container.finding(field, expected, found);
    let wanted = [("allowPrivilegeEscalation", json!(false)), ("readOnlyRootFilesystem", json!(true))];
    let unlike = wanted.iter().filter(|(field, value)| context(field) != value);
    let unlike =
        unlike.map(|(field, value)| finding(&format!("securityContext.{field}"), &value.to_string(), context(field)));
    let dropped = context("capabilities")["drop"] != json!(["ALL"]);
    let dropped =
        dropped.then(|| finding("securityContext.capabilities.drop", "[ALL]", &context("capabilities")["drop"]));
    let is_added = !is_off(&context("capabilities")["add"]);
    let added =
        is_added.then(|| finding("securityContext.capabilities.add", "nothing", &context("capabilities")["add"]));
    unlike.chain(dropped).chain(added).chain(loosened(container)).chain(of_hosts(container)).collect()
}

/// What a container may not say otherwise than its pod.
fn loosened(container: &Container<'_>) -> Vec<Finding> {
    let is_weaker = |field: &str, value: &Value| match field {
        "runAsNonRoot" => value == &json!(false),
        "runAsUser" | "runAsGroup" => value == &json!(0),
        "seccompProfile" => value["type"] == "Unconfined",
        "procMount" => value != "Default",
        _ => !is_off(value),
    };
    let fields = [
        "privileged",
        "runAsNonRoot",
        "runAsUser",
        "runAsGroup",
        "seccompProfile",
        "procMount",
        "seLinuxOptions",
        "appArmorProfile",
        "windowsOptions",
    ];
    let found = fields.map(|field| (field, container.at(&format!("/securityContext/{field}"))));
    let weaker = found.into_iter().filter(|(field, value)| !value.is_null() && is_weaker(field, value));
    weaker
        .map(|(field, value)| container.finding(&format!("securityContext.{field}"), "what the pod says", value))
        .collect()
}

fn of_hosts(container: &Container<'_>) -> Vec<Finding> {
    let ports = container.list("/ports").iter().filter(|port| !is_off(&port["hostPort"]));
    let ports = ports.map(|port| container.finding("ports.hostPort", "nothing", &port["hostPort"]));
    let hosts = PROBES.iter().flat_map(|probe| ["httpGet", "tcpSocket"].map(|kind| format!("{probe}/{kind}/host")));
    let hosts = hosts.filter(|pointer| !container.at(pointer).is_null());
    ports.chain(hosts.map(|pointer| container.finding(&dotted(&pointer), "nothing", container.at(&pointer)))).collect()
}

fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}
