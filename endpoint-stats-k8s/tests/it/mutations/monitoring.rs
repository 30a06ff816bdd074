//! Mistakes in the monitoring: what is excepted for one pod stays refused for the others.

use serde_json::{Value, json};

use super::{
    ACCESS, DATABASES, FILES, FLOWS, IDENTITY, IMAGES, Mutation, POD, REFERENCES, SECURITY, drop_object, in_settings,
    set,
};

const IN_POD: &str = "/spec/template/spec/containers/0";

fn folder_of_the_node(path: &str) -> Value {
    json!({ "name": "node", "hostPath": { "path": path } })
}

pub(super) const MUTATIONS: &[Mutation] = &[
    ("a token for a pod that asks nobody", SECURITY, |r| {
        set(r, "StatefulSet/grafana", &format!("{POD}/automountServiceAccountToken"), json!(true));
    }),
    ("discovery without a token", SECURITY, |r| {
        set(r, "StatefulSet/prometheus", &format!("{POD}/automountServiceAccountToken"), json!(false));
    }),
    ("a folder that only the collector may mount", SECURITY, |r| {
        set(r, "StatefulSet/grafana", &format!("{POD}/volumes/-"), folder_of_the_node("/var/log/pods"));
    }),
    ("Grafana as another user", SECURITY, |r| {
        set(r, "StatefulSet/grafana", &format!("{POD}/securityContext/runAsUser"), json!(0));
    }),
    ("a token without a Role", ACCESS, |r| drop_object(r, "RoleBinding", "prometheus")),
    ("rights for a pod that asks nobody", ACCESS, |r| {
        set(
            r,
            "RoleBinding/prometheus",
            "/subjects/-",
            json!({
                "kind": "ServiceAccount", "name": "api", "namespace": "endpoint-stats"
            }),
        );
    }),
    ("rights for a pod of another namespace", ACCESS, |r| {
        set(r, "RoleBinding/prometheus", "/subjects/0/namespace", json!("default"));
    }),
    ("rights in the whole cluster", ACCESS, |r| set(r, "Role/kube-state-metrics", "/kind", json!("ClusterRole"))),
    ("kube-state-metrics that reads Secrets", ACCESS, |r| {
        set(r, "Role/kube-state-metrics", "/rules/0/resources/-", json!("secrets"));
    }),
    ("discovery that changes pods", ACCESS, |r| set(r, "Role/prometheus", "/rules/0/verbs/-", json!("delete"))),
    ("an image that nobody knows", IMAGES, |r| {
        set(r, "StatefulSet/grafana", &format!("{IN_POD}/image"), json!("example/shell:1.0"));
    }),
    ("a misspelt key of the receivers", REFERENCES, |r| {
        let key = format!("{POD}/volumes/0/projected/sources/1/secret/items/0/key");
        set(r, "StatefulSet/alertmanager", &key, json!("critical"));
    }),
    ("Prometheus that reaches everything", FLOWS, |r| {
        set(r, "NetworkPolicy/to-cluster-api", "/spec/egress", json!([{}]));
    }),
    ("Grafana that calls home", FLOWS, |r| {
        let values = "/spec/podSelector/matchLabels/app.kubernetes.io~1component";
        set(r, "NetworkPolicy/to-receivers", values, json!("grafana"));
    }),
    ("Prometheus that is open", FLOWS, |r| set(r, "NetworkPolicy/prometheus", "/spec/ingress", json!([{}]))),
    ("an exporter that does not verify the database", DATABASES, |r| {
        let uri = json!("db:5432/endpoint_stats?sslmode=disable");
        set(r, "Deployment/postgres-exporter", &format!("{IN_POD}/env/1/value"), uri);
    }),
    ("an exporter with the password of another role", DATABASES, |r| {
        let secret = format!("{POD}/volumes/1/secret/secretName");
        set(r, "Deployment/postgres-exporter", &secret, json!("database-api"));
    }),
    ("a certificate that is watched where there is none", FILES, |r| {
        in_settings(r, "certificates/ingress.crt", "certificates/api.crt");
    }),
    ("a variable that stands below what refers to it", DATABASES, |r| {
        set(r, "Deployment/redis-exporter", &format!("{IN_POD}/env/0/name"), json!("CACHE"));
    }),
];

pub(super) const OF_THE_COLLECTOR: &[Mutation] = &[
    ("another folder of the node", SECURITY, |r| {
        set(r, "DaemonSet/logs", &format!("{POD}/volumes/1/hostPath/path"), json!("/var/log"));
    }),
    ("logs that can be written", SECURITY, |r| {
        set(r, "DaemonSet/logs", &format!("{IN_POD}/volumeMounts/1/readOnly"), Value::Null);
    }),
    ("a capability of root", SECURITY, |r| {
        set(r, "DaemonSet/logs", &format!("{IN_POD}/securityContext/capabilities/drop"), json!([]));
    }),
    ("a token of the collector", SECURITY, |r| {
        set(r, "DaemonSet/logs", &format!("{POD}/automountServiceAccountToken"), json!(true));
    }),
    ("the network of the node", SECURITY, |r| {
        set(r, "DaemonSet/logs", &format!("{POD}/hostNetwork"), json!(true));
    }),
    ("a namespace that refuses the collector", IDENTITY, |r| {
        let label = "/metadata/labels/pod-security.kubernetes.io~1enforce";
        set(r, "Namespace/endpoint-stats-logs", label, json!("restricted"));
    }),
    ("a neighbour of the collector", SECURITY, |r| {
        let mut other = r.find("DaemonSet", "logs").expect("the collector").clone();
        other.value_mut()["metadata"]["name"] = json!("other");
        other.value_mut()["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] = json!("other");
        r.objects.push(other);
    }),
    ("a collector that reaches everything", FLOWS, |r| set(r, "NetworkPolicy/to-store", "/spec/egress", json!([{}]))),
    ("a collector that is reached", FLOWS, |r| {
        set(r, "NetworkPolicy/default-deny", "/spec/policyTypes", json!(["Egress"]));
    }),
];
