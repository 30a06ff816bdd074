//! `migrate` and `serve --migrate`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread;

use super::migrated;
use crate::command::{Server, program, run, stderr, stdout};
use crate::support::postgres::PostgresServer;

const SERVERS: usize = 3;

#[test]
fn migrations_are_named_and_run_once() {
    let postgres = PostgresServer::start();
    let url = postgres.create_database("stats");

    let (first, second) = (run(&["migrate", "--database-url", &url]), run(&["migrate", "--database-url", &url]));

    assert!(first.status.success() && second.status.success(), "{}", stderr(&first));
    let sql = "SELECT version FROM endpoint_stats.__diesel_schema_migrations ORDER BY version";
    assert_eq!(stdout(&first).trim_end(), postgres.psql("stats", sql));
    assert_eq!(stdout(&second), "nothing to do: every migration is there\n");
}

#[test]
fn what_has_no_migrations_says_so_and_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = crate::command::url(folder.path());

    for url in [&url, "memory:"] {
        let output = run(&["migrate", "--database-url", url]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).starts_with("nothing to do: "), "{}", stdout(&output));
    }

    assert!(!crate::command::file(folder.path()).exists());
}

#[test]
fn an_empty_database_is_refused_with_the_missing_migration_and_the_command() {
    let postgres = PostgresServer::start();
    let url = postgres.create_database("stats");

    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["report"], &["import", "-"]] {
        let output = run(&[arguments, &["--database-url", &url]].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(said.contains("migration 2026") && said.contains("endpoint-stats-server migrate"), "{said}");
    }

    assert_eq!(postgres.psql("stats", "SELECT count(*) FROM pg_namespace WHERE nspname = 'endpoint_stats'"), "0");
}

#[test]
fn a_database_of_a_newer_version_is_refused_with_the_unknown_migration() {
    let (postgres, url) = migrated();
    postgres.psql("stats", "INSERT INTO endpoint_stats.__diesel_schema_migrations (version) VALUES ('29990101000000')");

    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["serve", "--migrate"], &["migrate"]] {
        let output = run(&[arguments, &["--database-url", &url]].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("does not know migration 29990101000000"), "{}", stderr(&output));
    }
}

#[test]
fn servers_that_migrate_at_once_all_come_up() {
    let postgres = PostgresServer::start();
    let url = postgres.create_database("stats");

    let servers: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..SERVERS).map(|_| scope.spawn(|| Server::start_at(&url, &["--migrate"]))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });

    for server in servers {
        assert_eq!(server.get("/ready").status, 200);
        assert!(server.stop().success());
    }
}

#[test]
fn roles_get_the_rights_of_their_work() {
    let (postgres, url) = migrated();

    let (first, second) =
        (run(&["migrate", "--roles", "--database-url", &url]), run(&["migrate", "--roles", "--database-url", &url]));

    assert!(first.status.success() && second.status.success(), "{}{}", stderr(&first), stderr(&second));
    let may = |role, right| {
        let sql = format!("SELECT has_table_privilege('endpoint_stats_{role}', 'endpoint_stats.arrival', '{right}')");
        postgres.psql("stats", &sql) == "t"
    };
    assert!(may("writer", "INSERT") && may("reader", "SELECT") && !may("reader", "INSERT"));
}

#[test]
fn a_check_changes_nothing_and_names_the_missing_migration() {
    let postgres = PostgresServer::start();
    let url = postgres.create_database("stats");

    let output = run(&["migrate", "--check", "--database-url", &url]);

    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("is missing; run `endpoint-stats-server migrate`"), "{}", stderr(&output));
    assert_eq!(postgres.psql("stats", "SELECT count(*) FROM pg_namespace WHERE nspname = 'endpoint_stats'"), "0");
}

#[test]
fn a_check_waits_until_somebody_else_has_migrated() {
    let postgres = PostgresServer::start();
    let url = postgres.create_database("stats");

    let mut waiting = Waiting::start(&["migrate", "--check", "--wait-secs", "120", "--database-url", &url]);
    assert!(run(&["migrate", "--database-url", &url]).status.success());

    assert!(waiting.0.wait().unwrap().success());
}

#[test]
fn migrating_waits_for_a_database_that_is_not_up_yet() {
    let mut postgres = PostgresServer::start();
    let url = postgres.create_database("stats");
    postgres.stop();

    let mut waiting = Waiting::start(&["migrate", "--wait-secs", "120", "--database-url", &url]);
    postgres.start_again();

    assert!(waiting.0.wait().unwrap().success());
    assert!(run(&["migrate", "--check", "--database-url", &url]).status.success());
}

#[test]
fn waiting_ends_with_the_reason() {
    let mut postgres = PostgresServer::start();
    let url = postgres.create_database("stats");
    postgres.stop();

    let output = run(&["migrate", "--wait-secs", "1", "--database-url", &url]);

    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).lines().last().is_some_and(|line| line.contains("error connecting")),
        "{}",
        stderr(&output)
    );
}

/// A command that has said that it waits; killed when dropped.
struct Waiting(Child);

impl Waiting {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("waiting up to 120 s: "), "{line}");
        Self(child)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
