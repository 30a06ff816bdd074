//! Opening a file: is it ours, is it of this version, can it be written?

use std::collections::BTreeSet;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::Failure;
use super::session::Session;
use crate::store::StoreErrorKind;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// "ESTA", set by the first migration.
const APPLICATION_ID: i64 = 0x4553_5441;

/// Processes that are started together get in each other's way at most so often.
const TRIES_FOR_WAL: u32 = 100;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Opens a file for writing, and brings its tables up to date.
///
/// Only SQLite may open the file: closing a handle of our own would drop the locks that other connections of this
/// process hold on it (POSIX), and another process would then delete the write-ahead log under them.
pub(super) fn open(path: &Path) -> Result<Session, Failure> {
    let mut connection = establish(path)?;
    check_owner(&mut connection)?;
    check_version(&mut connection)?;
    use_wal(&mut connection)?;
    connection.batch_execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    migrate(&mut connection)?;
    check_writable(&mut connection)?;
    Ok(Session::new(connection))
}

/// Opens a second connection to a file that [`open`] has opened.
pub(super) fn open_reader(path: &Path) -> Result<Session, Failure> {
    let mut connection = establish(path)?;
    connection.batch_execute("PRAGMA query_only = ON;")?;
    Ok(Session::new(connection))
}

/// Fails when nothing could be written now.
pub(super) fn check_writable(connection: &mut SqliteConnection) -> Result<(), Failure> {
    connection.batch_execute("BEGIN IMMEDIATE; ROLLBACK;").map_err(Failure::from)
}

fn establish(path: &Path) -> Result<SqliteConnection, Failure> {
    let url = path.to_str().ok_or_else(|| Failure::corrupt("the path is not UTF-8"))?;
    let mut connection = SqliteConnection::establish(url)
        .map_err(|error| Failure::Refused(StoreErrorKind::Unavailable, error.to_string()))?;
    connection.batch_execute("PRAGMA busy_timeout = 5000;")?;
    Ok(connection)
}

/// Turns the write-ahead log on.
///
/// SQLite does not wait for others while it does so, as it does elsewhere; so when others are in the way, this waits for
/// the write lock, which they hold, and tries again.
fn use_wal(connection: &mut SqliteConnection) -> Result<(), Failure> {
    for _ in 0..TRIES_FOR_WAL {
        if connection.batch_execute("PRAGMA journal_mode = WAL;").is_ok() {
            return Ok(());
        }
        check_writable(connection)?;
    }
    Ok(connection.batch_execute("PRAGMA journal_mode = WAL;")?)
}

fn check_owner(connection: &mut SqliteConnection) -> Result<(), Failure> {
    // In one transaction, so that another process cannot make the tables between the two looks.
    let (owner, tables) = connection.transaction(|connection| {
        let owner = number(connection, "SELECT application_id AS value FROM pragma_application_id")?;
        let tables = number(connection, "SELECT count(*) AS value FROM sqlite_schema WHERE type = 'table'")?;
        Ok::<_, Failure>((owner, tables))
    })?;
    if owner == APPLICATION_ID || (owner == 0 && tables == 0) {
        return Ok(());
    }
    Err(Failure::corrupt("the file belongs to another application; give a file of its own"))
}

fn check_version(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let made =
        number(connection, "SELECT count(*) AS value FROM sqlite_schema WHERE name = '__diesel_schema_migrations'")?;
    if made == 0 {
        return Ok(());
    }
    let known = known_versions()?;
    let applied: Vec<Version> =
        diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version").load(connection)?;
    match applied.into_iter().find(|applied| !known.contains(&applied.version)) {
        None => Ok(()),
        Some(newer) => Err(Failure::corrupt(format!(
            "the file is from a newer version: this one does not know migration {}; upgrade, or give another file",
            newer.version
        ))),
    }
}

fn known_versions() -> Result<BTreeSet<String>, Failure> {
    let migrations = MigrationSource::<Sqlite>::migrations(&MIGRATIONS);
    let migrations = migrations.map_err(|error| Failure::corrupt(error.to_string()))?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// Takes the write lock before it looks, so that processes started together migrate once.
fn migrate(connection: &mut SqliteConnection) -> Result<(), Failure> {
    connection.immediate_transaction(|connection| {
        connection
            .run_pending_migrations(MIGRATIONS)
            .map(drop)
            .map_err(|error| Failure::Refused(StoreErrorKind::Unavailable, error.to_string()))
    })
}

fn number(connection: &mut SqliteConnection, sql: &str) -> Result<i64, Failure> {
    Ok(diesel::sql_query(sql).get_result::<Number>(connection)?.value)
}
