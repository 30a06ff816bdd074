//! Programs on this machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The first of some names, which are those of one program, that is on the `PATH`.
///
/// # Panics
///
/// If there is none: a test that needs a program fails without it.
pub(crate) fn find(names: &[&str]) -> PathBuf {
    let found = names.iter().find_map(|name| on_path(name));
    found.unwrap_or_else(|| panic!("no {} on PATH: run `./scripts/setup.sh dev`", names[0]))
}

/// A command that sees no setting of whoever runs the tests.
pub(crate) fn quiet(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env("HOME", "/").env("LC_ALL", "C").current_dir("/").env_remove("REDISCLI_AUTH");
    command
}

pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
