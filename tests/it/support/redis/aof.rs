//! The append-only file of a server that is down.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Takes so many bytes off the end of what was written last.
pub(super) fn truncate(folder: &Path, bytes: u64) {
    let path = newest(&folder.join("appendonlydir"));
    let file = File::options().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    let left = length.checked_sub(bytes).unwrap_or_else(|| panic!("{} has {length} bytes", path.display()));
    file.set_len(left).unwrap();
}

/// The part that is written on: `appendonly.aof.3.incr.aof`.
fn newest(folder: &Path) -> PathBuf {
    let parts = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let number =
        |path: &Path| -> Option<u64> { path.to_str()?.strip_suffix(".incr.aof")?.rsplit_once('.')?.1.parse().ok() };
    parts.filter(|path| number(path).is_some()).max_by_key(|path| number(path)).expect("a part that is written on")
}
