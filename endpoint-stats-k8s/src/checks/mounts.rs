//! Volumes and mounts: each mount has a volume, each volume a mount, and what writes can write.

use std::collections::BTreeSet;

use crate::{Container, Finding, Pod, Rendered};

/// Where the programs of an image write, and what must therefore be mounted.
const WRITTEN: [(&str, &[&str]); 2] = [("postgres", &["/tmp"]), ("redis", &["/data"])];

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    rendered.pods().flat_map(|pod| of_pod(&pod)).collect()
}

fn of_pod(pod: &Pod<'_>) -> Vec<Finding> {
    let volumes: Vec<_> =
        pod.volumes().iter().filter_map(|volume| volume["name"].as_str().map(str::to_owned)).collect();
    let containers = pod.containers();
    let mounted: BTreeSet<_> = containers.iter().flat_map(mounts).map(|(name, _)| name).collect();
    let idle = volumes.iter().filter(|name| !mounted.contains(name.as_str()));
    let idle = idle.map(|name| pod.finding(&format!("volumes[{name}]"), "a mount of it", "none"));
    let known: BTreeSet<_> = volumes.iter().map(String::as_str).collect();
    let twice = (known.len() < volumes.len()).then(|| pod.finding("volumes", "each name once", volumes.join(", ")));
    idle.chain(twice).chain(containers.iter().flat_map(|container| of_container(container, &known))).collect()
}

fn mounts<'a>(container: &Container<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let texts = |mount: &'a serde_json::Value| Some((mount["name"].as_str()?, mount["mountPath"].as_str()?));
    container.list("/volumeMounts").iter().filter_map(texts)
}

fn of_container(container: &Container<'_>, volumes: &BTreeSet<&str>) -> Vec<Finding> {
    let lost = mounts(container).filter(|(name, _)| !volumes.contains(name));
    let lost = lost.map(|(name, _)| container.finding("volumeMounts", format!("one of {volumes:?}"), name));
    let paths: Vec<_> = mounts(container).map(|(_, path)| path).collect();
    let distinct: BTreeSet<_> = paths.iter().collect();
    let twice =
        (distinct.len() < paths.len()).then(|| container.finding("volumeMounts", "each path once", paths.join(", ")));
    let written =
        WRITTEN.iter().filter(|(image, _)| *image == container.image_name()).flat_map(|(_, paths)| paths.iter());
    let unwritable = written.filter(|path| !paths.contains(path));
    let unwritable = unwritable.map(|path| container.finding("volumeMounts", format!("a volume at {path}"), "none"));
    let open =
        container.list("/volumeMounts").iter().filter(|mount| is_secret(container, mount) && mount["readOnly"] != true);
    let open = open.map(|mount| container.finding("volumeMounts", "readOnly: true", &mount["name"]));
    lost.chain(twice).chain(unwritable).chain(open).collect()
}

fn is_secret(container: &Container<'_>, mount: &serde_json::Value) -> bool {
    let volumes = container.pod.volumes();
    volumes.iter().any(|volume| {
        volume["name"] == mount["name"] && (volume["secret"].is_object() || volume["configMap"].is_object())
    })
}
