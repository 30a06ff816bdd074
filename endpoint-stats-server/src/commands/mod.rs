//! The commands: from flags to what is done, and to an exit code.

mod failure;
mod import;
mod migrate;
mod report;
mod serve;
mod token;

use std::sync::Arc;

use endpoint_stats_core::store::postgres::PostgresStore;
use endpoint_stats_core::store::{MemoryStore, RedisStore, SqliteStore, StatsStore, StoreError, StoreErrorKind};

pub use self::failure::Failure;
use crate::cli::{Command, StoreArgs};
use crate::settings::StoreUrl;

/// Does what the command line says.
///
/// # Errors
///
/// With what went wrong, and the exit code that says whose fault it is.
pub async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Report(args) => report::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Token(args) => token::run(args),
    }
}

async fn open(args: &StoreArgs) -> Result<Arc<dyn StatsStore>, Failure> {
    Ok(match StoreUrl::from_args(args)? {
        StoreUrl::Sqlite(file) => Arc::new(SqliteStore::open(&file).await.map_err(Failure::setting)?),
        StoreUrl::Postgres(options) => Arc::new(PostgresStore::connect(*options).await.map_err(from_database)?),
        StoreUrl::Redis(options) => Arc::new(RedisStore::connect(*options).await.map_err(from_database)?),
        StoreUrl::Memory => Arc::new(MemoryStore::default()),
    })
}

/// A database may come to its senses without another setting, unless it is the setting that is refused.
fn from_database(error: StoreError) -> Failure {
    match error.kind() {
        StoreErrorKind::Rejected => Failure::setting(error),
        _ => Failure::from(anyhow::Error::new(error)),
    }
}
