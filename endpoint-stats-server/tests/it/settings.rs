//! A wrong setting ends the start: exit code 2, one line, the setting, its value and what was expected.

use std::net::TcpListener;

use crate::command::{program, run, sqlite3, stderr};

#[track_caller]
fn assert_refused(arguments: &[&str], expected: &[&str]) {
    let output = run(arguments);

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    for expected in expected {
        assert!(said.contains(expected), "{expected:?} is not in {said:?}");
    }
}

#[test]
fn an_unknown_flag_is_named() {
    assert_refused(&["serve", "--lisen", "127.0.0.1:0"], &["--lisen"]);
    assert_refused(&["sreve"], &["sreve"]);
}

#[test]
fn a_wrong_value_is_named_with_its_flag() {
    assert_refused(&["serve", "--listen", "9999"], &["9999", "--listen"]);
    assert_refused(&["serve", "--flush-secs", "0"], &["\"0\"", "`--flush-secs`", "0.05 to 60 seconds"]);
    assert_refused(&["serve", "--flush-secs", "NaN"], &["`--flush-secs`"]);
    assert_refused(&["serve", "--service", "My Shop"], &["\"My Shop\"", "`--service`", "a-z"]);
    assert_refused(&["report", "--from", "yesterday"], &["yesterday", "`--from`", "-24h"]);
    assert_refused(&["report", "--step", "5 minutes"], &["`--step`"]);
    assert_refused(&["report", "--from", "2020-01-02", "--to", "2020-01-01"], &["`--from`", "before --to"]);
}

#[test]
fn a_password_is_not_shown() {
    let url = "postgresql+x://ada:s3cret@db/stats";

    let said = stderr(&run(&["serve", "--database-url", url]));

    assert!(said.contains("ada:***@db"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_variable_is_as_good_as_a_flag() {
    let output = program(&["serve"]).env("ENDPOINT_STATS_LISTEN", "nowhere").output().unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("nowhere"), "{}", stderr(&output));
}

#[test]
fn a_url_can_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("url");
    std::fs::write(&secret, "mysql://ada:s3cret@db/stats\n").unwrap();

    assert_refused(&["serve", "--database-url-file", secret.to_str().unwrap()], &["mysql://ada:***@db/stats"]);
    assert_refused(&["serve", "--database-url-file", "/nonexistent/url"], &["--database-url-file"]);
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let url = crate::command::url(folder.path());

    let output = run(&["serve", "--database-url", &url, "--listen", &address]);

    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}

#[test]
fn a_file_that_is_not_ours_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = crate::command::file(folder.path());
    let url = crate::command::url(folder.path());
    sqlite3(&file, "CREATE TABLE photos (id INTEGER)");

    assert_refused(&["serve", "--listen", "127.0.0.1:0", "--database-url", &url], &["another application", "stats.db"]);
    assert_refused(&["import", "--database-url", &url, "-"], &["another application"]);

    assert_eq!(sqlite3(&file, "SELECT name FROM sqlite_schema"), "photos");
}

#[test]
fn help_and_version_are_no_errors() {
    for flag in ["--help", "--version"] {
        let output = run(&[flag]);
        assert!(output.status.success());
        assert!(output.stderr.is_empty());
    }
}
