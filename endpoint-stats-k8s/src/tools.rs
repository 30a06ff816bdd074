//! The programs that the checks ask, where `scripts/setup.sh` puts them.

use std::env;
use std::path::{Path, PathBuf};

/// The top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `kubectl`: `$KUBECTL`, the one of `PATH`, or the one that was installed.
///
/// # Errors
///
/// When there is none.
pub fn kubectl() -> Result<PathBuf, String> {
    let named = env::var_os("KUBECTL").map(PathBuf::from);
    named.or_else(|| on_path("kubectl")).map_or_else(|| installed("kubectl", "kubectl"), Ok)
}

/// A program of the virtual environment with `kubernetes-validate` and `checkov`.
///
/// # Errors
///
/// When it was not installed.
pub fn python_tool(name: &str) -> Result<PathBuf, String> {
    installed("k8s", name)
}

/// A program that Debian packages, as `promtool`.
///
/// # Errors
///
/// When it is not on `PATH`.
pub fn system_program(name: &str) -> Result<PathBuf, String> {
    on_path(name).ok_or_else(|| format!("{name} is not on PATH: run `scripts/setup.sh dev`"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn installed(environment: &str, name: &str) -> Result<PathBuf, String> {
    let file = repository().join("target/tools").join(environment).join("bin").join(name);
    let missing = format!("{name} is not at {}: run `scripts/setup.sh k8s`", file.display());
    if file.is_file() { Ok(file) } else { Err(missing) }
}
