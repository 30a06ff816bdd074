//! Images: the versions are said, and the server's is this one.

use crate::{Container, Finding, Pod, Rendered};

const IMAGES: [&str; 10] = [
    "endpoint-stats-server",
    "postgres",
    "redis",
    "prometheus",
    "alertmanager",
    "grafana",
    "postgres-exporter",
    "redis_exporter",
    "kube-state-metrics",
    "fluent-bit",
];

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let containers: Vec<_> = rendered.pods().flat_map(|pod: Pod<'_>| pod.containers()).collect();
    containers.iter().flat_map(of_container).collect()
}

fn of_container(container: &Container<'_>) -> Vec<Finding> {
    let image = container.text("/image");
    let tag = tag(image);
    let version = env!("CARGO_PKG_VERSION");
    let unlike = |is: bool, expected: String| (!is).then(|| container.finding("image", expected, image));
    let pull = container.text("/imagePullPolicy");
    let of_server = container.image_name() != "endpoint-stats-server" || tag == version;
    let is_versioned = tag.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    let is_known = IMAGES.contains(&container.image_name());
    [
        unlike(is_versioned, "a tag that is a version".to_owned()),
        unlike(of_server, format!("the version of this workspace, {version}")),
        unlike(is_known, format!("one of {}", IMAGES.join(", "))),
        (pull != "IfNotPresent").then(|| container.finding("imagePullPolicy", "IfNotPresent", format!("{pull:?}"))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn tag(image: &str) -> &str {
    let last = image.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    last.split_once(':').map_or("", |(_, tag)| tag)
}
