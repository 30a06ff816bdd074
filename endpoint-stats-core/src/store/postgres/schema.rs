//! The tables: are they there, are they of this version, and how they come to be.

use std::collections::BTreeSet;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::Failure;
use super::options::{PostgresOptions, SCHEMA};
use super::pool::Manager;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

const ROLES: &str = include_str!("roles.sql");

/// Held while migrations run and rights are given: "ESTM".
const MIGRATION_LOCK: i64 = 0x4553_544d;

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

/// Fails when the tables are not those of this version.
pub(super) async fn check(connection: &mut AsyncPgConnection) -> Result<(), Failure> {
    let known = known()?;
    let applied = applied(connection).await?;
    if let Some(newer) = applied.difference(&known).next() {
        return Err(Failure::corrupt(format!(
            "the database is of a newer version: this one does not know migration {newer}; upgrade this program"
        )));
    }
    let missing: Vec<_> = known.difference(&applied).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::corrupt(format!(
        "the database is of an older version: migration {} is missing; run `endpoint-stats-server migrate`, or \
         `PostgresStore::migrate`",
        missing.join(", ")
    )))
}

/// Fails when nothing could be written now.
pub(super) async fn check_writable(connection: &mut AsyncPgConnection) -> Result<(), Failure> {
    let sql = "SELECT current_setting('transaction_read_only')::bool AS answer";
    let read_only: Answer = diesel::sql_query(sql).get_result(connection).await?;
    if read_only.answer {
        return Err(Failure::NoAnswer("the database takes no writes now: it is read-only"));
    }
    Ok(())
}

/// Runs the migrations that are missing, while no one else does.
pub(super) async fn migrate(options: PostgresOptions) -> Result<Vec<String>, Failure> {
    let mut connection = connect_alone(options).await?;
    let (known, present) = (known()?, applied(&mut connection).await?);
    if let Some(newer) = present.difference(&known).next() {
        return Err(Failure::corrupt(format!(
            "the database is of a newer version: this one does not know migration {newer}; upgrade this program"
        )));
    }
    if known == present {
        return Ok(Vec::new());
    }
    connection.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA};")).await?;
    let run = tokio::task::spawn_blocking(move || {
        let mut connection: AsyncConnectionWrapper<AsyncPgConnection> = connection.into();
        let applied = connection.run_pending_migrations(MIGRATIONS).map_err(|error| error.to_string())?;
        Ok(applied.iter().map(ToString::to_string).collect())
    });
    run.await.unwrap_or_else(|_| Err("the task ended without an answer".to_owned())).map_err(Failure::corrupt)
}

/// Makes the roles and gives them their rights, while no one else does.
pub(super) async fn make_roles(options: PostgresOptions) -> Result<(), Failure> {
    let mut connection = connect_alone(options).await?;
    check(&mut connection).await?;
    Ok(connection.batch_execute(ROLES).await?)
}

/// Connects, and waits until no one else changes tables or rights; the lock goes with the connection.
async fn connect_alone(options: PostgresOptions) -> Result<AsyncPgConnection, Failure> {
    let mut connection = Manager::new(options)?.connect().await?;
    connection
        .batch_execute(&format!(
            "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock({MIGRATION_LOCK});"
        ))
        .await?;
    Ok(connection)
}

fn known() -> Result<BTreeSet<String>, Failure> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS);
    let migrations = migrations.map_err(|error| Failure::corrupt(error.to_string()))?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

async fn applied(connection: &mut AsyncPgConnection) -> Result<BTreeSet<String>, Failure> {
    let made = format!("SELECT to_regclass('{SCHEMA}.__diesel_schema_migrations') IS NOT NULL AS answer");
    let made: Answer = diesel::sql_query(made).get_result(connection).await?;
    if !made.answer {
        return Ok(BTreeSet::new());
    }
    let sql = format!("SELECT version::text AS name FROM {SCHEMA}.__diesel_schema_migrations");
    let rows: Vec<Name> = diesel::sql_query(sql).load(connection).await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}
