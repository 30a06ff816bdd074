//! Requests and limits.

use crate::{Container, Finding, Rendered};

const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let containers: Vec<_> = rendered.pods().flat_map(|pod| pod.containers()).collect();
    containers.iter().flat_map(of_container).collect()
}

fn of_container(container: &Container<'_>) -> Vec<Finding> {
    let missing = ["requests", "limits"].into_iter().flat_map(|list| RESOURCES.map(|resource| (list, resource)));
    let missing = missing.filter(|(list, resource)| amount(container, list, resource).is_none());
    let missing = missing.map(|(list, resource)| {
        let found = container.at(&format!("/resources/{list}/{resource}"));
        container.finding(&format!("resources.{list}.{resource}"), "an amount", found)
    });
    missing.chain(RESOURCES.iter().filter_map(|resource| above(container, resource))).collect()
}

fn above(container: &Container<'_>, resource: &str) -> Option<Finding> {
    let request = amount(container, "requests", resource)?;
    let limit = amount(container, "limits", resource)?;
    let field = format!("resources.requests.{resource}");
    (request > limit).then(|| {
        container.finding(&field, "no more than the limit", container.at(&format!("/{}", field.replace('.', "/"))))
    })
}

fn amount(container: &Container<'_>, list: &str, resource: &str) -> Option<f64> {
    let value = container.at(&format!("/resources/{list}/{resource}"));
    value.as_f64().or_else(|| quantity(value.as_str()?))
}

/// A quantity of Kubernetes: `250m`, `1`, `64Mi`.
pub(super) fn quantity(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let factor = match &text[end..] {
        "" => 1.0,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    text[..end].parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_compare_across_units() {
        assert!(quantity("250m") < quantity("1"));
        assert!(quantity("1Gi") > quantity("1000Mi"));
        assert_eq!(quantity("64MB"), None);
    }
}
