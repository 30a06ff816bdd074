//! What the manifests take from other files of the repository: user, secrets, metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use endpoint_stats_k8s::{SECRETS, tools};

use crate::applied::{everything, package};

/// Ends of the names of metrics; roles and databases begin like them.
const METRIC_ENDS: [&str; 7] =
    ["_total", "_seconds", "_seconds_bucket", "_seconds_sum", "_seconds_count", "_pending", "_valid"];

fn repository_file(path: &str) -> String {
    let file = tools::repository().join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn pods_of_the_server_run_as_the_user_of_its_image() {
    let dockerfile = repository_file("Dockerfile");
    let user = dockerfile.lines().rev().find_map(|line| line.strip_prefix("USER ")).expect("the image names a user");

    for rendered in everything() {
        for pod in
            rendered.pods().filter(|pod| pod.containers().iter().any(|c| c.image_name() == "endpoint-stats-server"))
        {
            let (uid, gid) = (pod.at("/securityContext/runAsUser"), pod.at("/securityContext/runAsGroup"));
            assert_eq!(format!("{uid}:{gid}"), user, "{}: {}", rendered.folder, pod.owner.id());
        }
    }
}

#[test]
fn the_secrets_script_makes_every_secret() {
    let made =
        ["create", "tokens", "values"].map(|file| repository_file(&format!("scripts/deployment/secrets/{file}.sh")));

    let unmade: Vec<_> =
        SECRETS.iter().map(|(name, _)| *name).filter(|name| !made.iter().any(|file| file.contains(name))).collect();

    assert!(unmade.is_empty(), "scripts/deployment/secrets does not make {unmade:?}");
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The metrics that the server and the library write.
fn metrics() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["endpoint-stats-core/src", "endpoint-stats-server/src"] {
        sources(&tools::repository().join(folder), &mut files);
    }
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let names = texts.flat_map(|text| words(&text).map(str::to_owned).collect::<Vec<_>>());
    names.collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("endpoint_stats_"))
}

#[test]
fn metrics_that_are_asked_for_are_written_by_the_server() {
    let (package, metrics) = (package(), metrics());
    let is_metric = |word: &&str| METRIC_ENDS.iter().any(|end| word.ends_with(end));
    let is_written = |word: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        metrics.contains(word) || base.is_some_and(|base| metrics.contains(base))
    };

    let mut asked = 0;
    for file in package.files().unwrap() {
        let text = fs::read_to_string(package.file(&file)).unwrap_or_default();
        for word in words(&text).filter(is_metric) {
            asked += 1;
            assert!(is_written(word), "{file}: {word}: expected a metric that the server writes");
        }
    }

    assert!(asked > 0, "no manifest names a metric");
}

#[test]
fn an_autoscaler_asks_for_metrics_that_the_adapter_makes() {
    let package = package();
    let files = package.files().unwrap();
    let adapters = files.iter().filter(|file| file.contains("prometheus-adapter"));
    let made: String = adapters.map(|file| fs::read_to_string(package.file(file)).unwrap()).collect();

    for rendered in everything() {
        for autoscaler in rendered.of_kind("HorizontalPodAutoscaler") {
            for metric in autoscaler.list("/spec/metrics").iter().filter(|metric| metric["type"] == "Pods") {
                let name = metric["pods"]["metric"]["name"].as_str().unwrap_or_default();
                let is_made = made.contains(&format!("as: {name}\n"));
                assert!(is_made, "{}: {}: no `as: {name}` in the adapter's values", rendered.folder, autoscaler.id());
            }
        }
    }
}
