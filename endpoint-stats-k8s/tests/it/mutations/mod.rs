//! Mistakes made on purpose: each is found by the check that is there for it.

use endpoint_stats_k8s::Rendered;
use endpoint_stats_k8s::checks::{CHECKS, Check};
use serde_json::{Value, json};

use crate::applied::{package, production};
use crate::server_checks::SERVER_CHECKS;

mod monitoring;

/// A mistake: its name, the check that finds it, and how it is made.
type Mutation = (&'static str, &'static str, fn(&mut Rendered));

const POD: &str = "/spec/template/spec";

fn set(rendered: &mut Rendered, object: &str, pointer: &str, value: Value) {
    let (kind, name) = object.split_once('/').expect("Kind/name");
    let object = rendered.find_mut(kind, name).unwrap_or_else(|| panic!("no {kind}/{name}"));
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let key = key.replace("~1", "/");
    match object.value_mut().pointer_mut(parent).unwrap_or_else(|| panic!("{kind}/{name} has no {parent}")) {
        Value::Object(fields) if value.is_null() => drop(fields.remove(&key).expect("a field to be removed")),
        Value::Object(fields) => drop(fields.insert(key, value)),
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => list[key.parse::<usize>().expect("an index")] = value,
        other => panic!("{kind}/{name}: {parent} is {other}"),
    }
}

fn remove(rendered: &mut Rendered, object: &str, pointer: &str) {
    set(rendered, object, pointer, Value::Null);
}

/// Changes a field of the api's pod.
fn of_api(rendered: &mut Rendered, field: &str, value: Value) {
    set(rendered, "Deployment/api", &format!("{POD}/{field}"), value);
}

fn drop_object(rendered: &mut Rendered, kind: &str, name: &str) {
    let before = rendered.objects.len();
    rendered.objects.retain(|object| object.kind() != kind || object.name() != name);
    assert_eq!(rendered.objects.len(), before - 1, "{kind}/{name} was there");
}

/// Changes the text of the api's settings.
fn in_settings(rendered: &mut Rendered, from: &str, to: &str) {
    let is_settings = |name: &str| name.starts_with("api-settings");
    let settings =
        rendered.objects.iter_mut().find(|object| object.kind() == "ConfigMap" && is_settings(object.name()));
    let text = settings
        .and_then(|settings| settings.value_mut().pointer_mut("/data/config.toml"))
        .expect("the api's settings");
    let changed = text.as_str().map(|text| text.replace(from, to)).filter(|changed| text != changed);
    *text = json!(changed.unwrap_or_else(|| panic!("{from} is in the settings")));
}

const IDENTITY: &str = "objects have a namespace, names and labels";
const IMAGES: &str = "images have versions";
const SECURITY: &str = "pods satisfy Pod Security `restricted`";
const RESOURCES: &str = "containers have requests and limits";
const PROBES: &str = "probes tell alive from ready";
const JOBS: &str = "jobs end";
const SELECTORS: &str = "selectors select";
const REFERENCES: &str = "references resolve";
const MOUNTS: &str = "volumes, mounts and keys fit";
const SERVICES: &str = "services lead to ports";
const DISRUPTION: &str = "pods can be moved and scaled";
const ACCESS: &str = "nobody has rights without need";
const FLOWS: &str = "the network lets through what is listed, and nothing else";
const SETTINGS: &str = "the server takes its settings";
const FILES: &str = "files of the settings are there";
const PORTS: &str = "ports are those of the settings";
const ANSWERS: &str = "probes ask what the server answers";
const END: &str = "a pod has the time to end";
const CONNECTIONS: &str = "the database has room for every connection";
const DATABASES: &str = "databases are reached by their users, over TLS";

const MUTATIONS: &[Mutation] = &[
    ("an object of another namespace", IDENTITY, |r| set(r, "Service/api", "/metadata/namespace", json!("default"))),
    ("a namespace that enforces nothing", IDENTITY, |r| {
        remove(r, "Namespace/endpoint-stats", "/metadata/labels/pod-security.kubernetes.io~1enforce");
    }),
    ("an object without the application's name", IDENTITY, |r| {
        remove(r, "Service/api", "/metadata/labels/app.kubernetes.io~1name");
    }),
    ("the latest tag", IMAGES, |r| of_api(r, "containers/0/image", json!("endpoint-stats-server:latest"))),
    ("no tag", IMAGES, |r| set(r, "StatefulSet/database", "/spec/template/spec/containers/0/image", json!("postgres"))),
    ("a version of the server that is not this one", IMAGES, |r| {
        of_api(r, "containers/0/image", json!("endpoint-stats-server:9.9.9"));
    }),
    ("an image pulled at each start", IMAGES, |r| of_api(r, "containers/0/imagePullPolicy", json!("Always"))),
    ("root", SECURITY, |r| of_api(r, "securityContext/runAsUser", json!(0))),
    ("root in one container", SECURITY, |r| of_api(r, "containers/0/securityContext/runAsUser", json!(0))),
    ("a pod that may be root", SECURITY, |r| of_api(r, "securityContext/runAsNonRoot", Value::Null)),
    ("a privileged container", SECURITY, |r| of_api(r, "containers/0/securityContext/privileged", json!(true))),
    ("privileges that may grow", SECURITY, |r| {
        of_api(r, "initContainers/0/securityContext/allowPrivilegeEscalation", Value::Null);
    }),
    ("capabilities that are kept", SECURITY, |r| of_api(r, "containers/0/securityContext/capabilities", json!({}))),
    ("a capability more", SECURITY, |r| {
        of_api(r, "containers/0/securityContext/capabilities/add", json!(["NET_ADMIN"]));
    }),
    ("no seccomp profile", SECURITY, |r| of_api(r, "securityContext/seccompProfile", Value::Null)),
    ("a root that can be written", SECURITY, |r| {
        of_api(r, "containers/0/securityContext/readOnlyRootFilesystem", json!(false));
    }),
    ("a folder of the node", SECURITY, |r| {
        of_api(r, "volumes/-", json!({ "name": "node", "hostPath": { "path": "/" } }));
    }),
    ("the network of the node", SECURITY, |r| of_api(r, "hostNetwork", json!(true))),
    ("a port of the node", SECURITY, |r| of_api(r, "containers/0/ports/0/hostPort", json!(9999))),
    ("a token", SECURITY, |r| of_api(r, "automountServiceAccountToken", Value::Null)),
    ("a probe of another host", SECURITY, |r| {
        of_api(r, "containers/0/livenessProbe/httpGet/host", json!("example.com"));
    }),
    ("a temporary folder without a limit", SECURITY, |r| {
        of_api(r, "volumes/-", json!({ "name": "tmp", "emptyDir": {} }));
    }),
    ("memory without a limit", RESOURCES, |r| of_api(r, "containers/0/resources/limits/memory", Value::Null)),
    ("storage without a request", RESOURCES, |r| {
        of_api(r, "containers/0/resources/requests/ephemeral-storage", Value::Null);
    }),
    ("a request above its limit", RESOURCES, |r| of_api(r, "containers/0/resources/requests/memory", json!("8Gi"))),
    ("no readiness probe", PROBES, |r| of_api(r, "containers/0/readinessProbe", Value::Null)),
    ("no liveness probe of the cache", PROBES, |r| {
        remove(r, "StatefulSet/cache", "/spec/template/spec/containers/0/livenessProbe");
    }),
    ("one question for alive and ready", PROBES, |r| {
        of_api(r, "containers/0/readinessProbe/httpGet/path", json!("/health"));
    }),
    ("a probe of a port that is none", PROBES, |r| {
        of_api(r, "containers/0/livenessProbe/httpGet/port", json!("metrics"));
    }),
    ("a restart before pods are taken out", PROBES, |r| {
        of_api(r, "containers/0/livenessProbe/failureThreshold", json!(1));
    }),
    ("a job without a limit of tries", JOBS, |r| remove(r, "Job/migrate", "/spec/backoffLimit")),
    ("a job without a deadline", JOBS, |r| remove(r, "CronJob/backup", "/spec/jobTemplate/spec/activeDeadlineSeconds")),
    ("a job that cannot be applied twice", JOBS, |r| {
        let settings = json!({ "name": "settings", "configMap": { "name": "api-settings-0" } });
        set(r, "Job/migrate", "/spec/template/spec/volumes/-", settings);
    }),
    ("backups that overlap", JOBS, |r| set(r, "CronJob/backup", "/spec/concurrencyPolicy", json!("Allow"))),
    ("a job that goes and runs again", JOBS, |r| set(r, "Job/migrate", "/spec/ttlSecondsAfterFinished", json!(60))),
    ("a Service that selects nothing", SELECTORS, |r| {
        set(r, "Service/cache", "/spec/selector/app.kubernetes.io~1component", json!("redis"));
    }),
    ("a policy that selects nothing", SELECTORS, |r| {
        set(r, "NetworkPolicy/database", "/spec/podSelector/matchLabels/app.kubernetes.io~1component", json!("db"));
    }),
    ("a misspelt component in a policy's list", SELECTORS, |r| {
        set(r, "NetworkPolicy/to-database", "/spec/podSelector/matchExpressions/0/values/-", json!("rollup"));
    }),
    ("a budget that selects nothing", SELECTORS, |r| {
        set(r, "PodDisruptionBudget/api", "/spec/selector/matchLabels/app.kubernetes.io~1name", json!("endpoint-stat"));
    }),
    ("a workload that does not select its pods", SELECTORS, |r| {
        set(r, "Deployment/api", "/spec/selector/matchLabels/app.kubernetes.io~1component", json!("web"));
    }),
    ("a workload that takes the pods of others", SELECTORS, |r| {
        let labels = json!({ "app.kubernetes.io/name": "endpoint-stats" });
        set(r, "StatefulSet/cache", "/spec/selector/matchLabels", labels);
    }),
    ("pods that spread from others", SELECTORS, |r| {
        let labels = json!({ "matchLabels": { "app.kubernetes.io/component": "web" } });
        of_api(r, "topologySpreadConstraints/0/labelSelector", labels);
    }),
    ("a claim that is not there", REFERENCES, |r| drop_object(r, "PersistentVolumeClaim", "backups")),
    ("a misspelt Secret", REFERENCES, |r| of_api(r, "volumes/1/secret/secretName", json!("api-token"))),
    ("a misspelt key of a Secret", REFERENCES, |r| {
        of_api(r, "volumes/1/secret/items", json!([{ "key": "token.json", "path": "tokens.json" }]));
    }),
    ("a ConfigMap that is not there", REFERENCES, |r| of_api(r, "volumes/0/configMap/name", json!("api-settings"))),
    ("an account that is not there", REFERENCES, |r| drop_object(r, "ServiceAccount", "api")),
    ("an autoscaler of nothing", REFERENCES, |r| {
        set(r, "HorizontalPodAutoscaler/api", "/spec/scaleTargetRef/name", json!("server"));
    }),
    ("an Ingress to a port that is none", REFERENCES, |r| {
        let port = "/spec/rules/0/http/paths/0/backend/service/port";
        set(r, "Ingress/api", port, json!({ "name": "web" }));
    }),
    ("an Ingress without TLS", REFERENCES, |r| remove(r, "Ingress/api", "/spec/tls")),
    ("a StatefulSet without its Service", REFERENCES, |r| {
        set(r, "StatefulSet/database", "/spec/serviceName", json!("database"));
    }),
    ("a secret as a variable", REFERENCES, |r| {
        let source = json!({ "secretKeyRef": { "name": "database-api", "key": "password" } });
        of_api(r, "containers/0/env", json!([{ "name": "PASSWORD", "valueFrom": source }]));
    }),
    ("a mount without a volume", MOUNTS, |r| of_api(r, "containers/0/volumeMounts/0/name", json!("setting"))),
    ("a volume that nobody mounts", MOUNTS, |r| {
        of_api(r, "volumes/-", json!({ "name": "idle", "secret": { "secretName": "cache" } }));
    }),
    ("a secret that can be written", MOUNTS, |r| of_api(r, "containers/0/volumeMounts/1/readOnly", Value::Null)),
    ("a claim of a volume that is none", MOUNTS, |r| {
        set(r, "PersistentVolumeClaim/backups", "/spec/selector", json!({ "matchLabels": { "of": "backups" } }));
    }),
    ("a Service to a port that is none", SERVICES, |r| {
        set(r, "Service/api", "/spec/ports/0/targetPort", json!("web"));
    }),
    ("a port with a long name", SERVICES, |r| {
        set(r, "StatefulSet/cache", "/spec/template/spec/containers/0/ports/0/name", json!("redis-without-tls"));
    }),
    ("a Service on another port", SERVICES, |r| set(r, "Service/cache", "/spec/ports/0/port", json!(6380))),
    ("a Service open to the world", SERVICES, |r| set(r, "Service/database", "/spec/type", json!("LoadBalancer"))),
    ("replicas beside an autoscaler", DISRUPTION, |r| set(r, "Deployment/api", "/spec/replicas", json!(1))),
    ("a budget that blocks", DISRUPTION, |r| {
        set(r, "PodDisruptionBudget/api", "/spec/maxUnavailable", json!(0));
    }),
    ("a pod of two budgets", DISRUPTION, |r| {
        let mut second = r.find("PodDisruptionBudget", "api").expect("the api's budget").clone();
        second.value_mut()["metadata"]["name"] = json!("second");
        r.objects.push(second);
    }),
    ("an update that is an outage", DISRUPTION, |r| {
        set(r, "Deployment/api", "/spec/strategy", json!({ "type": "Recreate" }));
    }),
    ("an account with a token", ACCESS, |r| remove(r, "ServiceAccount/api", "/automountServiceAccountToken")),
    ("an open policy", FLOWS, |r| set(r, "NetworkPolicy/database", "/spec/ingress", json!([{}]))),
    ("no default", FLOWS, |r| drop_object(r, "NetworkPolicy", "default-deny")),
    ("a policy that forgets DNS", FLOWS, |r| drop_object(r, "NetworkPolicy", "to-dns")),
    ("DNS over TCP alone", FLOWS, |r| {
        set(r, "NetworkPolicy/to-dns", "/spec/egress/0/ports", json!([{ "port": 53, "protocol": "TCP" }]));
    }),
    ("a policy of another port", FLOWS, |r| {
        set(r, "NetworkPolicy/cache", "/spec/ingress/0/ports/0/port", json!(6380));
    }),
    ("the way out to everywhere", FLOWS, |r| {
        let peers = json!([{ "ipBlock": { "cidr": "0.0.0.0/0" } }]);
        set(r, "NetworkPolicy/to-cache", "/spec/egress/0/to", peers);
    }),
    ("metrics open to a namespace", FLOWS, |r| {
        let peers = json!([{ "namespaceSelector": {} }]);
        set(r, "NetworkPolicy/api", "/spec/ingress/1/from", peers);
    }),
    ("a component more that reaches the database", FLOWS, |r| {
        let values = "/spec/podSelector/matchExpressions/0/values/-";
        set(r, "NetworkPolicy/to-database", values, json!("prometheus"));
        set(
            r,
            "NetworkPolicy/database",
            "/spec/ingress/0/from/0/podSelector/matchExpressions/0/values/-",
            json!("prometheus"),
        );
    }),
    ("an unknown setting", SETTINGS, |r| in_settings(r, "drain-secs", "drain-seconds")),
    ("an unknown flag", SETTINGS, |r| of_api(r, "initContainers/0/args/1", json!("--verify"))),
    ("a variable that belongs to no flag", SETTINGS, |r| {
        of_api(r, "containers/0/env", json!([{ "name": "ENDPOINT_STATS_LISTN", "value": "0.0.0.0:9999" }]));
    }),
    ("everything without tokens", SETTINGS, |r| in_settings(r, "\"nothing\"", "\"everything\"")),
    ("a secret that is not mounted", FILES, |r| {
        of_api(r, "containers/0/volumeMounts/2/mountPath", json!("/run/secrets/caller"));
    }),
    ("a file of another name", FILES, |r| in_settings(r, "tokens/tokens.json", "tokens/token.json")),
    ("a port that is not the setting's", PORTS, |r| in_settings(r, "0.0.0.0:9999", "0.0.0.0:8080")),
    ("a server that listens to itself", PORTS, |r| in_settings(r, "0.0.0.0:9998", "127.0.0.1:9998")),
    ("a probe of a path that is none", ANSWERS, |r| {
        of_api(r, "containers/0/livenessProbe/httpGet/path", json!("/healthz"));
    }),
    ("a probe of the public port", ANSWERS, |r| of_api(r, "containers/0/readinessProbe/httpGet/port", json!("http"))),
    ("a drain longer than the grace", END, |r| in_settings(r, "drain-secs = 10", "drain-secs = 60")),
    ("a grace too short", END, |r| of_api(r, "terminationGracePeriodSeconds", json!(15))),
    ("an end without a wait", END, |r| of_api(r, "containers/0/lifecycle", Value::Null)),
    ("a host that is no Service", DATABASES, |r| in_settings(r, "@db:5432", "@postgres:5432")),
    ("a port that the Service has not", DATABASES, |r| in_settings(r, "@cache:6379", "@cache:6380")),
    ("a database without TLS", DATABASES, |r| in_settings(r, "sslmode=verify-full", "sslmode=disable")),
    ("the password of another role", DATABASES, |r| {
        set(r, "Job/migrate", "/spec/template/spec/volumes/1/secret/secretName", json!("database-api"));
    }),
    ("more servers than the database has connections", CONNECTIONS, |r| {
        set(r, "HorizontalPodAutoscaler/api", "/spec/maxReplicas", json!(100));
    }),
    ("a policy between the api and its database", DATABASES, |r| drop_object(r, "NetworkPolicy", "to-database")),
];

fn check(name: &str) -> Check {
    let known = CHECKS.iter().chain(&SERVER_CHECKS).find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("no check {name:?}")).1
}

/// The mistakes that are not found in what was rendered.
fn missed(sound: &Rendered, mutations: &[Mutation]) -> Vec<String> {
    let missed = mutations.iter().filter(|(_, name, mutate)| {
        let before = check(name)(sound).len();
        let mut mutant = sound.clone();
        mutate(&mut mutant);
        check(name)(&mutant).len() <= before
    });
    missed.map(|(mistake, name, _)| format!("{mistake}: not found by {name:?}")).collect()
}

#[test]
fn every_mistake_is_found_by_its_check() {
    let collector = package().render("monitoring/logs/stdout").unwrap();

    let missed = [
        missed(&production(), MUTATIONS),
        missed(&production(), monitoring::MUTATIONS),
        missed(&collector, monitoring::OF_THE_COLLECTOR),
    ];
    let missed = missed.concat();

    assert!(missed.is_empty(), "{} mistakes:\n  {}", missed.len(), missed.join("\n  "));
}

#[test]
fn every_check_finds_a_mistake() {
    let idle: Vec<_> = CHECKS
        .iter()
        .chain(&SERVER_CHECKS)
        .filter(|(name, _)| !MUTATIONS.iter().any(|(_, check, _)| check == name))
        .map(|(name, _)| name)
        .collect();

    assert!(idle.is_empty(), "no mistake is made for {idle:?}");
}
