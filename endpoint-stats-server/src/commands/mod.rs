//! The commands: from flags to what is done, and to an exit code.

mod failure;
mod import;
mod report;
mod serve;

use std::sync::Arc;

use endpoint_stats_core::store::{MemoryStore, SqliteStore, StatsStore};

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
    }
}

async fn open(args: &StoreArgs) -> Result<Arc<dyn StatsStore>, Failure> {
    Ok(match StoreUrl::from_args(args)? {
        StoreUrl::Sqlite(file) => Arc::new(SqliteStore::open(&file).await.map_err(Failure::setting)?),
        StoreUrl::Memory => Arc::new(MemoryStore::default()),
    })
}
