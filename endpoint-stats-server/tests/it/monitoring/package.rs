//! Files of the Kubernetes package's folder `monitoring`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file by its name, and what is in it.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content: Value,
}

/// The files of a folder with an extension, in the order of their names.
///
/// # Panics
///
/// If there are none.
pub(super) fn files(folder: &str, extension: &str) -> Vec<File> {
    let path = path_of(folder);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut names: Vec<_> = entries.map(|entry| PathBuf::from(entry.unwrap().file_name())).collect();
    names.retain(|name| name.extension().is_some_and(|found| found == extension));
    names.sort();
    assert!(!names.is_empty(), "{} holds no .{extension}", path.display());
    names.iter().map(|name| file(folder, &name.display().to_string())).collect()
}

/// A file of a folder.
pub(super) fn file(folder: &str, name: &str) -> File {
    let path = path_of(folder).join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // JSON is YAML too.
    let content = yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    File { name: name.to_owned(), content }
}

fn path_of(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../endpoint-stats-k8s/monitoring").join(folder)
}
