//! Volumes and mounts: each mount has a volume, each volume a mount, and what writes can write.

use std::collections::BTreeSet;

use serde_json::Value;

use super::resources::quantity;
use crate::{Container, Finding, Object, Pod, Rendered, selects};

/// Where the programs of an image write, and what must therefore be mounted.
const WRITTEN: [(&str, &[&str]); 2] = [("postgres", &["/tmp"]), ("redis", &["/data"])];

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let claims = claims(rendered).into_iter().filter_map(|(owner, claim)| unbound(owner, claim, rendered));
    rendered.pods().flat_map(|pod| of_pod(&pod)).chain(claims).collect()
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
    let texts = |mount: &'a Value| Some((mount["name"].as_str()?, mount["mountPath"].as_str()?));
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

/// Every claim, those of a `StatefulSet` included, with the object it stands in.
fn claims(rendered: &Rendered) -> Vec<(&Object, &Value)> {
    let own = rendered.of_kind("PersistentVolumeClaim").map(|claim| (claim, claim.at("/spec")));
    let templates = rendered
        .of_kind("StatefulSet")
        .flat_map(|set| set.list("/spec/volumeClaimTemplates").iter().map(move |template| (set, &template["spec"])));
    own.chain(templates).collect()
}

/// A claim that selects volumes finds one of its class that is large enough.
fn unbound(owner: &Object, claim: &Value, rendered: &Rendered) -> Option<Finding> {
    let selector = claim.get("selector")?;
    let size = |value: &Value| value["storage"].as_str().and_then(quantity);
    let wanted = size(&claim["resources"]["requests"]);
    let fits = |volume: &&Object| {
        selects(selector, volume.at("/metadata/labels"))
            && claim["storageClassName"] == *volume.at("/spec/storageClassName")
            && claim["accessModes"] == *volume.at("/spec/accessModes")
            && wanted <= size(volume.at("/spec/capacity"))
    };
    let is_bound = rendered.of_kind("PersistentVolume").any(|volume| fits(&volume));
    (!is_bound).then(|| owner.finding("selector of the claim", "a PersistentVolume that fits", claim))
}

fn is_secret(container: &Container<'_>, mount: &Value) -> bool {
    let volumes = container.pod.volumes();
    volumes.iter().any(|volume| {
        volume["name"] == mount["name"] && (volume["secret"].is_object() || volume["configMap"].is_object())
    })
}
