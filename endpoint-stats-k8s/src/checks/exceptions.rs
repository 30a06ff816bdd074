//! What some pods may do that no other may, and why.

use serde_json::Value;

use crate::{Pod, Rendered};

/// Prometheus discovers its targets, and kube-state-metrics tells of objects: both ask the cluster's API.
const ASK_THE_CLUSTER: [&str; 2] = ["prometheus", "kube-state-metrics"];

/// The collector of logs, which lives in a namespace of its own: files of the node belong to root.
const COLLECTOR: &str = "logs";

/// What the collector may mount of the node, and whether it may write there.
const FOLDERS_OF_THE_NODE: [(&str, bool); 2] = [("/var/log/pods", false), ("/var/lib/endpoint-stats-logs", true)];

pub(super) fn asks_the_cluster(component: &str) -> bool {
    ASK_THE_CLUSTER.contains(&component)
}

pub(super) fn is_collector(component: &str) -> bool {
    component == COLLECTOR
}

/// Whether these are the collector's objects, and no pod of another kind is beside it.
pub(super) fn is_of_collector(rendered: &Rendered) -> bool {
    let mut pods = rendered.pods().peekable();
    pods.peek().is_some() && pods.all(|pod| is_collector(pod.component()) && pod.owner.kind() == "DaemonSet")
}

/// Whether a volume is a folder of the node that the collector needs, mounted as it needs it.
pub(super) fn is_needed_of_the_node(pod: &Pod<'_>, volume: &Value) -> bool {
    let known = FOLDERS_OF_THE_NODE.iter().find(|(path, _)| volume["hostPath"]["path"] == *path);
    let containers = pod.containers();
    let mut mounts = containers.iter().flat_map(|container| container.list("/volumeMounts"));
    known.is_some_and(|(_, may_write)| {
        *may_write || mounts.all(|mount| mount["name"] != volume["name"] || mount["readOnly"] == true)
    })
}
