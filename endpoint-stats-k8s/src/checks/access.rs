//! Rights: no tokens, no roles that read secrets or change things, no values of Secrets.

use serde_json::Value;

use crate::{Finding, Object, Rendered};

const READS: [&str; 3] = ["get", "list", "watch"];
const SECRET: [&str; 2] = ["secrets", "configmaps"];

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let accounts =
        rendered.of_kind("ServiceAccount").filter(|account| account.at("/automountServiceAccountToken") != false);
    let accounts = accounts.map(|account| {
        account.finding("automountServiceAccountToken", "false", account.at("/automountServiceAccountToken"))
    });
    let secrets =
        rendered.of_kind("Secret").map(|secret| secret.finding("kind", "no Secret in the repository", secret.name()));
    let wide = ["ClusterRole", "ClusterRoleBinding"].into_iter().flat_map(|kind| rendered.of_kind(kind));
    let wide = wide.filter(|role| !role.name().contains("kube-state-metrics"));
    let wide = wide.map(|role| role.finding("kind", "rights in one namespace", role.kind()));
    let roles = rendered.of_kind("Role").flat_map(of_role);
    let shared =
        rendered.pods().filter(|pod| ["", "default"].contains(&pod.at("/serviceAccountName").as_str().unwrap_or("")));
    let shared = shared.map(|pod| pod.finding("serviceAccountName", "an account of its own", "default"));
    accounts.chain(secrets).chain(wide).chain(roles).chain(shared).collect()
}

fn of_role(role: &Object) -> Vec<Finding> {
    role.list("/rules").iter().flat_map(|right| of_right(role, right)).collect()
}

fn of_right(role: &Object, right: &Value) -> Vec<Finding> {
    let words = |field: &str| right[field].as_array().cloned().unwrap_or_default();
    let writes = words("verbs").into_iter().filter(|verb| !READS.iter().any(|read| verb == read));
    let writes = writes.map(|verb| role.finding("rules.verbs", READS.join(", "), verb));
    let refused = |resource: &Value| resource == "*" || SECRET.iter().any(|secret| resource == secret);
    let secrets = words("resources").into_iter().filter(refused);
    let secrets =
        secrets.map(|resource| role.finding("rules.resources", "resources by name, and no secrets", resource));
    writes.chain(secrets).collect()
}
