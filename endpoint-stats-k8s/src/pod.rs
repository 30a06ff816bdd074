//! [`Pod`]: what a workload makes pods of.

use serde_json::Value;

use crate::{Container, Finding, Object};

/// What a workload makes pods of.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'a> {
    /// The workload.
    pub owner: &'a Object,
    path: &'static str,
    template: &'a Value,
}

impl<'a> Pod<'a> {
    /// The pod of a workload; `None` for other objects.
    pub fn of(owner: &'a Object) -> Option<Self> {
        let path = match owner.kind() {
            "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "spec.template",
            "CronJob" => "spec.jobTemplate.spec.template",
            _ => return None,
        };
        let template = owner.at(&format!("/{}", path.replace('.', "/")));
        Some(Self { owner, path, template })
    }

    /// Its labels.
    pub fn labels(&self) -> &'a Value {
        &self.template["metadata"]["labels"]
    }

    /// The part of the application it is.
    pub fn component(&self) -> &'a str {
        self.labels()["app.kubernetes.io/component"].as_str().unwrap_or_default()
    }

    /// A field of its `spec`, `null` where there is none.
    pub fn at(&self, pointer: &str) -> &'a Value {
        self.template["spec"].pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Where a field of its `spec` stands in the workload.
    pub fn field(&self, field: &str) -> String {
        format!("{}.spec.{field}", self.path)
    }

    /// Its containers, those that come first included.
    pub fn containers(&self) -> Vec<Container<'a>> {
        let of = |list: &'static str| {
            let found = self.at(&format!("/{list}")).as_array().map_or(&[][..], Vec::as_slice);
            found.iter().map(move |value| Container::new(*self, list, value))
        };
        of("initContainers").chain(of("containers")).collect()
    }

    /// Its volumes, and those that its `StatefulSet` claims.
    pub fn volumes(&self) -> Vec<Value> {
        let mut volumes = self.at("/volumes").as_array().cloned().unwrap_or_default();
        let claims = self.owner.list("/spec/volumeClaimTemplates").iter();
        volumes.extend(claims.map(|claim| {
            let name = &claim["metadata"]["name"];
            serde_json::json!({ "name": name, "claimTemplate": name })
        }));
        volumes
    }

    /// The container port of a name or number.
    pub fn port(&self, port: &Value) -> Option<u64> {
        let ports: Vec<_> = self.containers().iter().flat_map(Container::ports).collect();
        let wanted = |declared: &&(&str, u64)| port.as_u64() == Some(declared.1) || port.as_str() == Some(declared.0);
        ports.iter().find(wanted).map(|(_, number)| *number)
    }

    /// Says what is wrong with a field of its `spec`.
    pub fn finding(&self, field: &str, expected: impl Into<String>, found: impl std::fmt::Display) -> Finding {
        self.owner.finding(self.field(field), expected, found)
    }
}
