//! What Prometheus makes targets of, told by `promtool` of the settings that are applied.
//!
//! Debian's Prometheus knows no discovery in Kubernetes, so the pods come from a file, with the labels that it would give.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use endpoint_stats_k8s::{Pod, Rendered};
use serde_json::{Value, json};

use crate::applied::production;

/// What every job is told to keep.
const TARGETS: [(&str, &str, &str); 7] = [
    ("alertmanager", "alertmanager", "web"),
    ("endpoint-stats", "api", "admin"),
    ("grafana", "grafana", "web"),
    ("kube-state-metrics", "kube-state-metrics", "metrics"),
    ("postgres-exporter", "postgres-exporter", "metrics"),
    ("prometheus", "prometheus", "web"),
    ("redis-exporter", "redis-exporter", "metrics"),
];

/// A port of a pod, as discovery tells of it.
fn discovered(name: &str, component: &str, port: &str, phase: &str) -> Value {
    let labels = json!({
        "__meta_kubernetes_namespace": "endpoint-stats",
        "__meta_kubernetes_pod_name": format!("{component}-0"),
        "__meta_kubernetes_pod_phase": phase,
        "__meta_kubernetes_pod_container_port_name": port,
        "__meta_kubernetes_pod_label_app_kubernetes_io_name": name,
        "__meta_kubernetes_pod_label_app_kubernetes_io_component": component,
    });
    json!({ "targets": [format!("{component}:{port}")], "labels": labels })
}

fn ports<'a>(rendered: &'a Rendered, phase: &'a str) -> impl Iterator<Item = Value> + 'a {
    let of_pod = |pod: Pod<'a>| {
        pod.containers().into_iter().flat_map(move |container| {
            container.ports().into_iter().map(move |(port, _)| (pod.component(), port)).collect::<Vec<_>>()
        })
    };
    rendered.pods().flat_map(of_pod).map(move |(component, port)| discovered("endpoint-stats", component, port, phase))
}

/// Puts a file in place of every discovery in Kubernetes.
fn from_file(settings: &mut Value, file: &str) {
    match settings {
        Value::Object(fields) => {
            if fields.remove("kubernetes_sd_configs").is_some() {
                fields.insert("file_sd_configs".to_owned(), json!([{ "files": [file] }]));
            }
            fields.values_mut().for_each(|value| from_file(value, file));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| from_file(value, file)),
        _ => {}
    }
}

/// The labels of what is scraped of these pods, and the jobs of the settings.
fn scraped(rendered: &Rendered, pods: &[Value]) -> Vec<Value> {
    let is_settings = |name: &str| name.starts_with("prometheus-settings");
    let mut maps = rendered.of_kind("ConfigMap").filter(|map| is_settings(map.name()));
    let text = maps.next().expect("Prometheus' settings").text("/data/prometheus.yaml").to_owned();
    let mut settings: Value = yaml_serde::from_str(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, found) = (folder.path().join("prometheus.json"), folder.path().join("pods.json"));
    from_file(&mut settings, found.to_str().unwrap());
    settings["rule_files"] = json!([]);
    fs::write(&found, json!(pods).to_string()).unwrap();
    fs::write(&file, settings.to_string()).unwrap();
    let jobs = settings["scrape_configs"].as_array().unwrap().iter().map(|job| job["job_name"].as_str().unwrap());
    jobs.flat_map(|job| {
        let mut promtool = Command::new("promtool");
        let asked = promtool.args(["check", "service-discovery", "--timeout=1s"]).arg(&file).arg(job).output().unwrap();
        let told: Vec<Value> = serde_json::from_slice(&asked.stdout)
            .unwrap_or_else(|error| panic!("promtool: {error}: {}", String::from_utf8_lossy(&asked.stderr)));
        told.into_iter().map(|target| target["labels"].clone()).filter(|labels| !labels["job"].is_null())
    })
    .collect()
}

#[test]
fn each_component_that_has_metrics_is_one_target_of_its_job() {
    let rendered = production();

    let scraped = scraped(&rendered, &ports(&rendered, "Running").collect::<Vec<_>>());

    let expected: BTreeSet<_> =
        TARGETS.map(|(job, component, port)| (job.to_owned(), format!("{component}:{port}"))).into();
    let text = |labels: &Value, label: &str| labels[label].as_str().unwrap_or_default().to_owned();
    let found: BTreeSet<_> = scraped.iter().map(|labels| (text(labels, "job"), text(labels, "__address__"))).collect();
    assert_eq!(found, expected);
    assert_eq!(scraped.len(), expected.len(), "each once");
    for labels in &scraped {
        assert_eq!(labels["namespace"], "endpoint-stats", "{labels}");
        assert!(!labels["pod"].is_null() && labels["pod"] == labels["instance"], "{labels}");
    }
}

#[test]
fn a_pod_that_waits_or_has_ended_or_is_anothers_is_no_target() {
    let rendered = production();
    let ended = ["Pending", "Succeeded", "Failed"].into_iter().flat_map(|phase| ports(&rendered, phase));
    let strangers = TARGETS.iter().map(|(_, component, port)| discovered("another", component, port, "Running"));

    let scraped = scraped(&rendered, &ended.chain(strangers).collect::<Vec<_>>());

    assert!(scraped.is_empty(), "{scraped:?}");
}
