//! The programs of Redis, and of Valkey, on this machine.

use std::path::PathBuf;
use std::process::Command;

use super::super::programs::{find, on_path, quiet};

/// The servers, the one that is used without being asked for first.
pub(super) fn servers() -> Vec<PathBuf> {
    let found: Vec<_> = ["redis-server", "valkey-server"].into_iter().filter_map(on_path).collect();
    assert!(!found.is_empty(), "no redis-server on PATH: run `./scripts/setup.sh dev`");
    found
}

/// `redis-cli`, or its twin.
pub(super) fn client() -> Command {
    quiet(find(&["redis-cli", "valkey-cli"]))
}
