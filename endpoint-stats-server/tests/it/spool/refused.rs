//! A folder that cannot be the spool ends the start: exit code 2 and one line, before anything listens.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use super::{ask, spool, start, wait_for};
use crate::command::{program, run, stderr};

/// Starts a server with a store that would do, and an address that is taken: whoever listens first says that.
pub(super) fn serve(folder: &Path) -> Output {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, folder) = (taken.local_addr().unwrap().to_string(), folder.to_str().unwrap());
    run(&["serve", "--listen", &address, "--database-url", "memory:", "--spool-folder", folder])
}

#[track_caller]
fn assert_refused(output: &Output, expected: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let errors = said.lines().filter(|line| !line.contains(" WARN "));
    assert_eq!(errors.count(), 1, "{said}");
    for expected in expected {
        assert!(said.contains(expected), "{expected:?} is not in {said:?}");
    }
}

#[test]
fn a_second_process_on_one_spool_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path());
    let spool = spool(folder.path());

    let second = serve(&spool);

    let expected = ["`--spool-folder`", spool.to_str().unwrap(), "another process has this folder", "one of its own"];
    assert_refused(&second, &expected);
    ask(&first, 3);
    wait_for(&first, "endpoint_stats_hits_stored_total", 3);
    assert!(first.stop().success());
    assert!(run(&["config", "check", "--spool-folder", spool.to_str().unwrap()]).status.success());
}

#[test]
fn what_is_no_folder_or_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();

    for place in [file.as_path(), &file.join("below"), Path::new("/proc")] {
        let expected = "expected a folder that can be read and written and that no other process has";
        assert_refused(&serve(place), &["`--spool-folder`", place.to_str().unwrap(), expected]);
    }
}

#[test]
fn a_spool_of_another_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let segment = folder.path().join("00000000000000000001.spool");
    fs::write(&segment, b"ESPOOL\x00\x02of tomorrow").unwrap();

    let expected =
        ["a spool of this version; 1 of its files are not", "start the version that wrote them", "move them"];
    assert_refused(&serve(folder.path()), &expected);

    assert_eq!(fs::read(&segment).unwrap(), b"ESPOOL\x00\x02of tomorrow");
    fs::remove_file(segment).unwrap();
    let server = start(folder.path());
    assert!(server.stop().success());
}

#[test]
fn settings_of_the_spool_are_read_from_everywhere_and_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, "[serve]\nspool-folder = \"/nonexistent/by-file\"\nspool-max-bytes = 2_000_000\n").unwrap();
    let mut command =
        program(&["config", "check", "--config", file.to_str().unwrap(), "--spool-when-full=drop-oldest"]);
    let output = command.env("ENDPOINT_STATS_SPOOL_SYNC", "never").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |name: &str| said.lines().find(|line| line.starts_with(name)).unwrap_or_default();

    assert!(line("spool-folder").contains("/nonexistent/by-file"), "{said}");
    assert!(line("spool-max-bytes").contains("2000000"), "{said}");
    assert!(line("spool-sync").contains("never") && line("spool-sync").contains("variable"), "{said}");
    assert!(line("spool-when-full").contains("drop-oldest  ") && line("spool-when-full").ends_with("flag"), "{said}");
    let refused = |arguments: &[&str], expected: &[&str]| {
        assert_refused(&run(&[&["serve", "--spool-folder", "/nonexistent/x"], arguments].concat()), expected);
    };
    refused(&["--spool-sync", "sometimes"], &["sometimes", "--spool-sync", "each-batch, never"]);
    refused(&["--spool-when-full", "panic"], &["panic", "--spool-when-full", "merge, drop-oldest"]);
    refused(&["--spool-max-bytes", "1000"], &["1000", "--spool-max-bytes", "1048576"]);
    assert_refused(&run(&["serve", "--spool-sync", "never"]), &["--spool-folder"]);
}
