//! The server with a spool: killed, stopped without its store, refused, and with a disk that fails.

mod disk;
mod killed;
mod refused;
mod stopped;

use std::path::{Path, PathBuf};

use crate::command::{Server, url};

/// Looks so often at most: some seconds.
const LOOKS: u32 = 20_000;

/// The folder of the spool, in a folder of a test.
fn spool(folder: &Path) -> PathBuf {
    folder.join("spool")
}

/// A server with the database file and the spool of a folder.
fn start(folder: &Path) -> Server {
    start_at(&url(folder), folder)
}

/// The same with any database.
fn start_at(database_url: &str, folder: &Path) -> Server {
    let spool = spool(folder);
    let arguments = ["--flush-secs", "0.05", "--drain-secs", "1", "--spool-folder", spool.to_str().unwrap()];
    Server::start_at(database_url, &arguments)
}

/// Waits until a metric has a value.
#[track_caller]
fn wait_for(server: &Server, metric: &str, value: u64) {
    let is_there = (0..LOOKS).any(|_| server.metric(metric) == Some(value));
    assert!(is_there, "{metric} is not {value}:\n{}", server.get("/metrics").body);
}

/// Sends so many requests that the server counts and answers.
fn ask(server: &Server, requests: u64) {
    (0..requests).for_each(|_| assert_eq!(server.get("/").status, 200));
}
