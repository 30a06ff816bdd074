//! Scaling and eviction: one who says how many, and a node can be drained.

use crate::{Finding, Object, Pod, Rendered, selects};

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let scaled = rendered.of_kind("Deployment").filter_map(|deployment| of_replicas(deployment, rendered));
    let autoscalers = rendered.of_kind("HorizontalPodAutoscaler").flat_map(of_autoscaler);
    let budgets = rendered.of_kind("PodDisruptionBudget").flat_map(|budget| of_budget(budget, rendered));
    let updates = rendered.of_kind("Deployment").filter_map(of_update);
    let shared = rendered.pods().filter_map(|pod| of_pod(&pod, rendered));
    scaled.chain(shared).chain(autoscalers).chain(budgets).chain(updates).collect()
}

fn autoscaler<'a>(workload: &Object, rendered: &'a Rendered) -> Option<&'a Object> {
    let is_for = |autoscaler: &&Object| {
        let target = autoscaler.at("/spec/scaleTargetRef");
        target["kind"] == workload.kind() && target["name"] == workload.name()
    };
    rendered.of_kind("HorizontalPodAutoscaler").find(is_for)
}

fn of_replicas(deployment: &Object, rendered: &Rendered) -> Option<Finding> {
    let replicas = deployment.at("/spec/replicas");
    match (autoscaler(deployment, rendered), replicas.is_null()) {
        (Some(_), false) => {
            Some(deployment.finding("spec.replicas", "nothing beside a HorizontalPodAutoscaler", replicas))
        }
        (None, true) => Some(deployment.finding("spec.replicas", "a number, or a HorizontalPodAutoscaler", replicas)),
        _ => None,
    }
}

fn of_autoscaler(autoscaler: &Object) -> Vec<Finding> {
    let number = |field: &str| autoscaler.at(&format!("/spec/{field}")).as_u64().unwrap_or(1);
    let (least, most) = (number("minReplicas"), number("maxReplicas"));
    let few = (least < 3).then(|| autoscaler.finding("spec.minReplicas", "3 or more", least));
    let order = (most < least).then(|| autoscaler.finding("spec.maxReplicas", format!("{least} or more"), most));
    few.into_iter().chain(order).collect()
}

fn of_budget(budget: &Object, rendered: &Rendered) -> Vec<Finding> {
    let policy = budget.at("/spec/unhealthyPodEvictionPolicy");
    let stuck =
        (policy != "AlwaysAllow").then(|| budget.finding("spec.unhealthyPodEvictionPolicy", "AlwaysAllow", policy));
    let selector = budget.at("/spec/selector");
    let pods =
        rendered.pods().filter(|pod| selects(selector, pod.labels())).map(|pod| least(pod.owner, rendered)).sum();
    let may_go = match (budget.at("/spec/maxUnavailable").as_u64(), budget.at("/spec/minAvailable").as_u64()) {
        (Some(most), None) => most,
        (None, Some(least)) => u64::saturating_sub(pods, least),
        _ => 0,
    };
    let blocks =
        (may_go == 0).then(|| budget.finding("spec", format!("that one of {pods} pods may go"), budget.at("/spec")));
    stuck.into_iter().chain(blocks).collect()
}

/// A pod of two budgets cannot be evicted at all.
fn of_pod(pod: &Pod<'_>, rendered: &Rendered) -> Option<Finding> {
    let budgets =
        rendered.of_kind("PodDisruptionBudget").filter(|budget| selects(budget.at("/spec/selector"), pod.labels()));
    let names: Vec<_> = budgets.map(Object::name).collect();
    (names.len() > 1).then(|| pod.owner.finding("PodDisruptionBudget", "one at most", names.join(", ")))
}

/// The fewest pods that a workload has.
fn least(workload: &Object, rendered: &Rendered) -> u64 {
    let scaled = autoscaler(workload, rendered).map(|autoscaler| autoscaler.at("/spec/minReplicas"));
    scaled.unwrap_or(workload.at("/spec/replicas")).as_u64().unwrap_or(1)
}

/// An update that takes pods away first, or all at once, is an outage.
fn of_update(deployment: &Object) -> Option<Finding> {
    let strategy = deployment.at("/spec/strategy");
    let is_rolling = strategy["type"] == "RollingUpdate" && strategy["rollingUpdate"]["maxUnavailable"] == 0;
    (!is_rolling).then(|| deployment.finding("spec.strategy", "RollingUpdate with maxUnavailable 0", strategy))
}
