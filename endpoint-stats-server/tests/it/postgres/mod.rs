//! Everything on a real PostgreSQL: what the program does on SQLite, and what only a shared database asks for.

mod import;
mod migrate;
mod refused;
mod report;
mod serve;

use crate::command::{run, stderr};
use crate::support::postgres::PostgresServer;

/// A server with a database `stats` that has its tables, and the URL of that.
pub(crate) fn migrated() -> (PostgresServer, String) {
    let postgres = PostgresServer::start();
    let url = migrated_database(&postgres, "stats");
    (postgres, url)
}

/// Another database on a server.
fn migrated_database(postgres: &PostgresServer, name: &str) -> String {
    let url = postgres.create_database(name);
    let output = run(&["migrate", "--database-url", &url]);
    assert!(output.status.success(), "{}", stderr(&output));
    url
}
