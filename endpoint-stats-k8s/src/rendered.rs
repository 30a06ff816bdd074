//! [`Rendered`]: the objects of a folder.

use serde::Deserialize;
use serde_json::Value;

use crate::{Object, Pod};

/// The objects of a folder, as they would be applied.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Where they come from, as `overlays/dev`.
    pub folder: String,
    /// The objects.
    pub objects: Vec<Object>,
}

impl Rendered {
    /// Reads YAML, one document an object.
    ///
    /// # Errors
    ///
    /// When it is not YAML.
    pub fn parse(folder: &str, yaml: &str) -> Result<Self, String> {
        let documents = yaml_serde::Deserializer::from_str(yaml).map(Value::deserialize);
        let values: Vec<_> = documents.collect::<Result<_, _>>().map_err(|error| format!("{folder}: {error}"))?;
        let objects = values.into_iter().filter(|value| !value.is_null()).map(Object::new).collect();
        Ok(Self { folder: folder.to_owned(), objects })
    }

    /// The objects of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(move |object| object.kind() == kind)
    }

    /// The object of a kind and a name.
    pub fn find(&self, kind: &str, name: &str) -> Option<&Object> {
        self.of_kind(kind).find(|object| object.name() == name)
    }

    /// The object of a kind and a name, to be changed.
    pub fn find_mut(&mut self, kind: &str, name: &str) -> Option<&mut Object> {
        self.objects.iter_mut().find(|object| object.kind() == kind && object.name() == name)
    }

    /// What pods are made of: one of each workload.
    pub fn pods(&self) -> impl Iterator<Item = Pod<'_>> {
        self.objects.iter().filter_map(Pod::of)
    }

    /// The names of a kind, for messages.
    pub fn names(&self, kind: &str) -> String {
        self.of_kind(kind).map(Object::name).collect::<Vec<_>>().join(", ")
    }
}
