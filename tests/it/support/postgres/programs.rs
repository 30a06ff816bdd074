//! The programs of the PostgreSQL on this machine.

use std::env;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::super::command::run;

const NEEDED: [&str; 3] = ["postgres", "initdb", "psql"];

/// Where the programs are, and as whom they run: PostgreSQL refuses to run as root.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    // Only for root: the user and the group `postgres`.
    run_as: Option<(u32, u32)>,
    pub(super) caller: u32,
}

impl Programs {
    /// Finds the programs on the `PATH`, or else the newest that Debian's packages brought.
    ///
    /// # Panics
    ///
    /// If there are none: a test that needs PostgreSQL fails without it.
    pub(super) fn find() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let folder = env::split_paths(&path)
            .chain(folders_of_debian())
            .find(|folder| NEEDED.iter().all(|name| folder.join(name).is_file()))
            .unwrap_or_else(|| {
                panic!("no PostgreSQL ({NEEDED:?} on PATH or in /usr/lib/postgresql): run `./scripts/setup.sh dev`")
            });
        let caller = id(&["-u"]);
        let run_as = (caller == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])));
        Self { folder, run_as, caller }
    }

    /// A command of PostgreSQL, run like [`system_command`](Self::system_command).
    pub(super) fn command(&self, name: &str) -> Command {
        self.system_command(self.folder.join(name))
    }

    /// A command run as the user of the servers, which sees no setting of whoever runs the tests.
    pub(super) fn system_command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let foreign = env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"PG"));
        foreign.for_each(|name| _ = command.env_remove(name));
        command.env("HOME", "/").env("LC_ALL", "C").current_dir("/");
        if let Some((user, group)) = self.run_as {
            command.uid(user).gid(group);
        }
        command
    }

    /// A folder of that user's that is gone when it is dropped.
    pub(super) fn folder(&self) -> TempDir {
        let folder = tempfile::Builder::new().prefix("endpoint-stats-postgres-").tempdir().unwrap();
        self.own(folder.path());
        folder
    }

    /// Gives a file or folder to that user.
    pub(super) fn own(&self, path: &Path) {
        if let Some((user, group)) = self.run_as {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    /// The version, as in `15.18`.
    pub(super) fn version(&self) -> String {
        let said = run(self.command("postgres").arg("--version"));
        said.split(' ').nth(2).expect("`postgres (PostgreSQL) 15.18 …`").to_owned()
    }
}

fn folders_of_debian() -> Vec<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

fn id(arguments: &[&str]) -> u32 {
    run(Command::new("id").args(arguments)).parse().expect("`id` prints a number")
}
