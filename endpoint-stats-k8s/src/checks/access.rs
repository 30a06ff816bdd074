//! Rights: no tokens but where they are needed, no roles that read secrets or change things, no values of Secrets.

use serde_json::Value;

use super::exceptions::asks_the_cluster;
use crate::{Finding, Object, Pod, Rendered};

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
    let wide = wide.map(|role| role.finding("kind", "rights in one namespace", role.kind()));
    let roles = rendered.of_kind("Role").flat_map(of_role);
    let shared =
        rendered.pods().filter(|pod| ["", "default"].contains(&pod.at("/serviceAccountName").as_str().unwrap_or("")));
    let shared = shared.map(|pod| pod.finding("serviceAccountName", "an account of its own", "default"));
    let bound = rendered.of_kind("RoleBinding").flat_map(of_binding);
    let without = rendered.pods().filter(|pod| asks_the_cluster(pod.component()) && !is_bound(pod, rendered));
    let without = without.map(|pod| pod.finding("serviceAccountName", "an account with a Role", "none"));
    accounts.chain(secrets).chain(wide).chain(roles).chain(shared).chain(bound).chain(without).collect()
}

/// Roles are for people, and for those whose pods ask the cluster's API, each in its own namespace.
fn of_binding(binding: &Object) -> Vec<Finding> {
    let accounts = binding.list("/subjects").iter().filter(|subject| subject["kind"] == "ServiceAccount");
    let is_needed = |subject: &Value| {
        subject["name"].as_str().is_some_and(asks_the_cluster) && subject["namespace"] == binding.namespace()
    };
    let needless = accounts.filter(|subject| !is_needed(subject));
    needless.map(|subject| binding.finding("subjects", "people, or who asks the cluster's API", subject)).collect()
}

fn is_bound(pod: &Pod<'_>, rendered: &Rendered) -> bool {
    let account = pod.at("/serviceAccountName");
    let subjects = rendered.of_kind("RoleBinding").flat_map(|binding| binding.list("/subjects"));
    subjects.into_iter().any(|subject| subject["kind"] == "ServiceAccount" && subject["name"] == *account)
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
