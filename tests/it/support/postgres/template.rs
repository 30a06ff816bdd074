//! The data folder that every server starts with, made once for a machine because `initdb` is slow.
//!
//! It is kept as one archive, so that it is there as a whole or not at all: a cleaner of old temporary files cannot
//! take a part of it.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::super::command::run;
use super::programs::Programs;
use super::{OWNER, OWNER_PASSWORD};

/// Goes up with every change of [`make`].
const REVISION: u32 = 1;

/// Lays a new data folder at `into`.
pub(super) fn unpack(programs: &Programs, into: &Path) {
    let archive = archive(programs);
    fs::create_dir(into).unwrap();
    fs::set_permissions(into, fs::Permissions::from_mode(0o700)).unwrap();
    programs.own(into);
    let folder = fs::metadata(into).unwrap();
    assert_eq!(fs::metadata(&archive).unwrap().uid(), folder.uid(), "{} is somebody else's", archive.display());
    run(programs.system_command("tar").arg("-xf").arg(&archive).arg("-C").arg(into));
}

/// The archive, made if it is not there yet.
fn archive(programs: &Programs) -> PathBuf {
    let name = format!("endpoint-stats-postgres-{}-{REVISION}-{}", programs.version(), programs.caller);
    let archive = env::temp_dir().join(format!("{name}.tar"));
    if !archive.exists() {
        // The others wait here rather than all run `initdb` at once; the lock ends with its process.
        let lock = File::create(env::temp_dir().join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        if !archive.exists() {
            make(programs, &archive);
        }
    }
    archive
}

fn make(programs: &Programs, archive: &Path) {
    let folder = programs.folder();
    let [data, password, made] = ["data", "password", "made.tar"].map(|name| folder.path().join(name));
    fs::write(&password, OWNER_PASSWORD).unwrap();
    let options = ["--no-sync", "-U", OWNER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"];
    run(programs.command("initdb").args(options).arg("-D").arg(&data).arg("--pwfile").arg(&password));
    run(programs.system_command("tar").arg("-cf").arg(&made).arg("-C").arg(&data).arg("."));
    fs::rename(&made, archive).unwrap();
}
