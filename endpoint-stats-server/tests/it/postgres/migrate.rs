//! `migrate` and `serve --migrate`.

use std::thread;

use super::migrated;
use crate::command::{Server, run, stderr, stdout};
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
