//! `import`: logs in, each line counted once.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::command::{file, program, run, sqlite3, stderr, stdout, url};
use crate::log_lines::{line, lines};

fn import(folder: &Path, arguments: &[&str]) -> Output {
    run(&[&["import", "--database-url", &url(folder)], arguments].concat())
}

fn total(folder: &Path) -> String {
    sqlite3(&file(folder), "SELECT coalesce(sum(hits), 0) FROM endpoint")
}

#[test]
fn a_log_is_counted_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, lines(1_000)).unwrap();

    let output = import(folder.path(), &[log.to_str().unwrap()]);

    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("1000 counted, 0 counted before, 0 rejected, 0 folded"), "{}", stdout(&output));
    assert_eq!(total(folder.path()), "1000");
    assert_eq!(sqlite3(&file(folder.path()), "SELECT route FROM endpoint"), "/users/{id}");
}

#[test]
fn a_log_imported_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, lines(1_000)).unwrap();
    import(folder.path(), &[log.to_str().unwrap()]);

    let output = import(folder.path(), &[log.to_str().unwrap()]);

    assert!(stdout(&output).contains("0 counted, 1000 counted before"), "{}", stdout(&output));
    assert_eq!(total(folder.path()), "1000");
}

#[test]
fn a_compressed_copy_and_standard_input_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let (log, packed) = (folder.path().join("access.log"), folder.path().join("old.gz"));
    fs::write(&log, lines(1_000)).unwrap();
    let mut encoder = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
    encoder.write_all(lines(1_200).as_bytes()).unwrap();
    encoder.finish().unwrap();
    import(folder.path(), &[log.to_str().unwrap()]);

    let output = import(folder.path(), &[packed.to_str().unwrap()]);
    let mut piped = program(&["import", "--database-url", &url(folder.path()), "-"]);
    let again = piped.stdin(File::open(&log).unwrap()).output().unwrap();

    assert!(stdout(&output).contains("200 counted, 1000 counted before"), "{}", stdout(&output));
    assert!(stdout(&again).contains("0 counted, 1000 counted before"), "{}", stdout(&again));
    assert_eq!(total(folder.path()), "1200");
}

#[test]
fn an_unreadable_line_is_shown_with_its_number_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, format!("{}what is this\n{}", line(1, "/a", 200), line(2, "/b", 200))).unwrap();

    let output = import(folder.path(), &[log.to_str().unwrap()]);

    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("2 counted, 0 counted before, 1 rejected"), "{}", stdout(&output));
    assert!(stdout(&output).contains("line 2: "), "{}", stdout(&output));
    assert!(stdout(&output).contains("what is this"), "{}", stdout(&output));
}

#[test]
fn what_is_no_log_is_named_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("photo.jpg");
    fs::write(&binary, [0xff, 0xd8, 0x00, 0x01].repeat(5_000)).unwrap();
    let missing = folder.path().join("missing.log");

    for path in [folder.path(), &binary, &missing] {
        let output = import(folder.path(), &[path.to_str().unwrap()]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(said.contains(path.to_str().unwrap()), "{said}");
    }
}

#[test]
fn a_wrong_format_or_routes_file_is_named_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let (log, routes) = (folder.path().join("access.log"), folder.path().join("routes"));
    fs::write(&log, lines(1)).unwrap();
    fs::write(&routes, "/users/{id\n").unwrap();
    let log = log.to_str().unwrap();

    for (arguments, expected) in [
        (["--format", "%h %Z", log], "%Z"),
        (["--routes", routes.to_str().unwrap(), log], "line 1: not a template"),
        (["--routes", "/nonexistent", log], "--routes"),
        (["--window", "2h", log], "--window"),
    ] {
        let output = import(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn listed_routes_and_a_custom_format_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let (log, routes) = (folder.path().join("access.log"), folder.path().join("routes"));
    fs::write(&log, "203.0.113.9 [17/May/2015:10:05:03 +0000] \"GET /users/ada HTTP/1.1\" 200 77 2500\n").unwrap();
    fs::write(&routes, "# ours\n/users/{name}\n").unwrap();

    let output = import(
        folder.path(),
        &["--format", "%h %t \"%r\" %>s %b %D", "--routes", routes.to_str().unwrap(), log.to_str().unwrap()],
    );

    assert!(output.status.success(), "{}", stderr(&output));
    let report = run(&["report", "--json", "--database-url", &url(folder.path())]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&report)).unwrap();
    assert_eq!(report["endpoints"][0]["route"], "/users/{name}");
    let p50 = report["endpoints"][0]["duration"]["p50"].as_f64().unwrap();
    assert!((0.0025 * 0.989..0.0025 * 1.011).contains(&p50), "{p50}");
}

/// `import --follow`, stopped even when a test fails.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_growing_rotating_log_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    fs::write(&log, lines(10)).unwrap();
    let mut follow = program(&["import", "--follow", "--database-url", &url(folder.path()), log.to_str().unwrap()]);
    let mut follower = Follower(follow.stdout(Stdio::piped()).spawn().unwrap());
    wait_for_total(folder.path(), "10");

    OpenOptions::new().append(true).open(&log).unwrap().write_all(line(11, "/grown", 200).as_bytes()).unwrap();
    wait_for_total(folder.path(), "11");
    fs::rename(&log, folder.path().join("access.log.1")).unwrap();
    fs::write(&log, line(12, "/rotated", 200)).unwrap();
    wait_for_total(folder.path(), "12");

    let pid = follower.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(follower.0.wait().unwrap().success());
    assert_eq!(total(folder.path()), "12");
}

/// Asks again and again, through a process each time, so that all the asking takes some seconds.
#[track_caller]
fn wait_for_total(folder: &Path, expected: &str) {
    let sql = "SELECT coalesce(sum(hits), 0) FROM endpoint";
    let total = || Command::new("sqlite3").arg("-readonly").arg(file(folder)).arg(sql).output().unwrap();
    let is_there = |output: Output| stdout(&output).trim() == expected;
    assert!((0..3_000).any(|_| is_there(total())), "the total never was {expected}");
}
