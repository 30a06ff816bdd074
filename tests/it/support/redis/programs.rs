//! The programs of Redis, and of Valkey, on this machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The servers, the one that is used without being asked for first.
pub(super) fn servers() -> Vec<PathBuf> {
    let found: Vec<_> = ["redis-server", "valkey-server"].into_iter().filter_map(on_path).collect();
    assert!(!found.is_empty(), "no redis-server on PATH: run `./scripts/setup.sh dev`");
    found
}

/// `redis-cli`, or its twin.
pub(super) fn client() -> Command {
    let found = ["redis-cli", "valkey-cli"].into_iter().find_map(on_path);
    quiet(found.expect("no redis-cli on PATH: run `./scripts/setup.sh dev`"))
}

/// A command that sees no setting of whoever runs the tests.
pub(super) fn quiet(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env("HOME", "/").env("LC_ALL", "C").current_dir("/").env_remove("REDISCLI_AUTH");
    command
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
