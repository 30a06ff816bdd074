//! What cannot be reached is refused in one line: the place, the cause, and never the password.

use std::net::TcpListener;

use super::migrated;
use crate::command::{run, stderr};
use crate::support::postgres::PostgresServer;

/// URLs with the password `s3cret`: the place and the cause to be named.
struct Refused {
    url: String,
    place: String,
    cause: &'static str,
}

fn refused(postgres: &PostgresServer) -> Vec<Refused> {
    postgres.psql("stats", "CREATE ROLE ada LOGIN PASSWORD 'another'; CREATE ROLE bob LOGIN PASSWORD 's3cret'");
    // The port is free again when the listener is gone.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = |database| format!("127.0.0.1:{}/{database}", postgres.port());
    vec![
        Refused {
            url: postgres.url_for("ada", "s3cret", "stats"),
            place: place("stats"),
            cause: "password authentication failed for user \"ada\"",
        },
        Refused {
            url: postgres.url_for("bob", "s3cret", "nowhere"),
            place: place("nowhere"),
            cause: "database \"nowhere\" does not exist",
        },
        Refused {
            url: format!("postgres://ada:s3cret@{nobody}/stats"),
            place: format!("{nobody}/stats"),
            cause: "Connection refused",
        },
    ]
}

#[test]
fn a_wrong_password_database_or_host_is_refused_in_one_line_without_the_password() {
    let (postgres, _) = migrated();

    for Refused { url, place, .. } in refused(&postgres) {
        for arguments in [&["serve", "--migrate", "--listen", "127.0.0.1:0"][..], &["report"], &["import", "-"]] {
            let output = run(&[arguments, &["--database-url", &url]].concat());
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert_eq!(said.trim_end().lines().count(), 1, "{said}");
            assert!(said.contains(&place), "{place:?} is not in {said:?}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}

#[test]
fn migrate_names_the_cause() {
    let (postgres, _) = migrated();

    for Refused { url, cause, .. } in refused(&postgres) {
        let output = run(&["migrate", "--database-url", &url]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(cause), "{cause:?} is not in {:?}", stderr(&output));
    }
}

#[test]
fn a_report_names_the_cause() {
    let (postgres, _) = migrated();

    for Refused { url, cause, .. } in refused(&postgres) {
        let said = stderr(&run(&["report", "--database-url", &url]));
        assert!(said.contains(cause), "{cause:?} is not in {said:?}");
    }
}

#[test]
fn a_password_file_that_is_missing_is_named() {
    let url = "postgres://ada@127.0.0.1:1/stats";

    let output = run(&["migrate", "--database-url", url, "--database-password-file", "/nonexistent/password"]);

    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nonexistent/password"), "{}", stderr(&output));
}
