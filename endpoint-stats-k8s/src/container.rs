//! [`Container`]: a container of a pod.

use serde_json::Value;

use crate::{Finding, Pod};

/// A container of a pod.
#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    /// The pod it belongs to.
    pub pod: Pod<'a>,
    list: &'static str,
    value: &'a Value,
}

impl<'a> Container<'a> {
    pub(crate) fn new(pod: Pod<'a>, list: &'static str, value: &'a Value) -> Self {
        Self { pod, list, value }
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.text("/name")
    }

    /// Whether it ends before the pod's other containers begin.
    pub fn is_init(&self) -> bool {
        self.list == "initContainers"
    }

    /// A field of it, `null` where there is none.
    pub fn at(&self, pointer: &str) -> &'a Value {
        self.value.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text of a field, empty where there is none.
    pub fn text(&self, pointer: &str) -> &'a str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The entries of a list, none where there is none.
    pub fn list(&self, pointer: &str) -> &'a [Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// The image's name without registry, tag and digest.
    pub fn image_name(&self) -> &'a str {
        let path = self.text("/image").split('@').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        last.split(':').next().unwrap_or_default()
    }

    /// Its ports, by name and number.
    pub fn ports(&self) -> Vec<(&'a str, u64)> {
        let port = |port: &'a Value| Some((port["name"].as_str().unwrap_or_default(), port["containerPort"].as_u64()?));
        self.list("/ports").iter().filter_map(port).collect()
    }

    /// Its variables with a value, `$(NAME)` replaced by what stands above, as the kubelet does.
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut known: Vec<(String, String)> = Vec::new();
        for variable in self.list("/env") {
            let Some(name) = variable["name"].as_str() else { continue };
            let value = variable["value"].as_str().unwrap_or_default().to_owned();
            let replaced = known.iter().fold(value, |text, (name, value)| text.replace(&format!("$({name})"), value));
            known.push((name.to_owned(), replaced));
        }
        known
    }

    /// What lies at a path in it: the volume, and the path below its mount.
    pub fn mounted(&self, path: &str) -> Option<(Value, String)> {
        let below = |mount: &'a Value| {
            let rest = path.strip_prefix(mount["mountPath"].as_str()?)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| (mount, rest.trim_start_matches('/')))
        };
        let (mount, rest) = self.list("/volumeMounts").iter().filter_map(below).min_by_key(|(_, rest)| rest.len())?;
        let rest = mount["subPath"].as_str().unwrap_or(rest);
        let volume = self.pod.volumes().into_iter().find(|volume| volume["name"] == mount["name"])?;
        Some((volume, rest.to_owned()))
    }

    /// Where a field of it stands in the workload.
    pub fn field(&self, field: &str) -> String {
        self.pod.field(&format!("{}[{}].{field}", self.list, self.name()))
    }

    /// Says what is wrong with a field of it.
    pub fn finding(&self, field: &str, expected: impl Into<String>, found: impl std::fmt::Display) -> Finding {
        self.pod.owner.finding(self.field(field), expected, found)
    }
}
