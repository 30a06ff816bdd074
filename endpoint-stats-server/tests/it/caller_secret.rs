//! Callers count once, whichever server they are told to, and when.

use std::fs;
use std::path::Path;

use crate::command::{Server, run, stderr, stdout, url};
use crate::http;

/// Sends a hit of one caller.
fn send(server: &Server, caller: &str) {
    let hit =
        format!(r#"{{"service":"shop","method":"GET","route":"/users/{{id}}","status":200,"caller":"{caller}"}}"#);
    let request = format!(
        "POST /v1/hits HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{hit}",
        hit.len()
    );
    let answer = http::send(server.address, &request).expect("the server answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Hits and callers of the route.
fn counted(folder: &Path) -> (u64, u64) {
    let report = run(&["report", "--json", "--route", "/users/{id}", "--database-url", &url(folder)]);
    assert!(report.status.success(), "{}", stderr(&report));
    let report: serde_json::Value = serde_json::from_str(&stdout(&report)).unwrap();
    let total = |name: &str| report["totals"][name].as_u64().unwrap();
    (total("hits"), total("callers"))
}

/// Midnight between two hits makes one caller two, so a test that it hits is done again.
fn on_one_day(test: impl Fn()) {
    let today = || jiff::Timestamp::now().as_second().div_euclid(86_400);
    let before = today();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&test));
    match done {
        Err(_) if before != today() => test(),
        Err(panic) => std::panic::resume_unwind(panic),
        Ok(()) => {}
    }
}

#[test]
fn a_caller_of_two_servers_with_one_secret_counts_once() {
    on_one_day(|| {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("shared").display().to_string();
        let arguments = ["--without-token", "everything", "--caller-secret-file", &secret];
        let servers = [0, 1].map(|_| Server::start_with(folder.path(), &arguments));

        for server in &servers {
            send(server, "192.0.2.7");
        }
        send(&servers[1], "192.0.2.8");

        assert_eq!(counted(folder.path()), (3, 2));
    });
}

#[test]
fn a_caller_counts_once_before_and_after_a_restart() {
    on_one_day(|| {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
            send(&server, "192.0.2.7");
            assert!(server.stop().success());
        }

        assert_eq!(counted(folder.path()), (2, 1));
        assert!(folder.path().join("stats.db.caller-secret").exists());
    });
}

#[test]
fn a_secret_that_is_cut_off_ends_the_start_and_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef\n").unwrap();
    let arguments = ["--database-url", &url(folder.path()), "--caller-secret-file", &secret.display().to_string()];

    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["config", "check"]] {
        let output = run(&[command, &arguments].concat());

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&secret.display().to_string()) && said.contains("64 hexadecimal digits"), "{said}");
        assert!(!said.contains("0123456789abcdef"), "{said}");
    }
    assert!(!folder.path().join("stats.db").exists());
}

#[test]
fn a_check_of_the_settings_makes_no_secret() {
    let folder = tempfile::tempdir().unwrap();

    let output = run(&["config", "check", "--database-url", &url(folder.path())]);

    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
