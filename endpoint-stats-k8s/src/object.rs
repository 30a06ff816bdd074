//! [`Object`]: one object of Kubernetes.

use serde_json::Value;

use crate::Finding;

/// Kinds of this package that belong to no namespace.
const CLUSTER_WIDE: [&str; 6] =
    ["Namespace", "PersistentVolume", "StorageClass", "ClusterRole", "ClusterRoleBinding", "PriorityClass"];

/// One object of Kubernetes.
#[derive(Clone, Debug, PartialEq)]
pub struct Object(Value);

impl Object {
    /// Takes an object as it was rendered.
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// The field at a JSON pointer, `null` where there is none.
    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text at a JSON pointer, empty where there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The entries of the list at a JSON pointer, none where there is none.
    pub fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// Its namespace, empty where it says none.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// Its kind and name, as `Deployment/api`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// Whether objects of its kind belong to a namespace.
    pub fn is_namespaced(&self) -> bool {
        !CLUSTER_WIDE.contains(&self.kind())
    }

    /// Says what is wrong with a field of it.
    pub fn finding(
        &self,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl std::fmt::Display,
    ) -> Finding {
        Finding::new(self.id(), field, expected, found)
    }

    /// Everything, to be changed.
    pub fn value_mut(&mut self) -> &mut Value {
        &mut self.0
    }
}
