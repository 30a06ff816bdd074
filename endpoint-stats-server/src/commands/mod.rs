//! The commands: from flags to what is done, and to an exit code.

mod completions;
mod config_check;
mod export;
mod failure;
mod healthcheck;
mod import;
mod man;
mod migrate;
mod report;
mod roll_up;
mod selection;
mod serve;
mod spool;
mod token;

use std::sync::Arc;

use endpoint_stats_core::store::postgres::PostgresStore;
use endpoint_stats_core::store::{
    MemoryStore, RedisStore, SqliteStore, StatsStore, StoreError, StoreErrorKind, TracedStore,
};

pub use self::failure::Failure;
use crate::cli::{Command, ConfigCommand, StoreArgs};
use crate::config::{Invocation, Settings};
use crate::settings::{SettingError, StoreUrl};

/// Does what the command line and the configuration file say.
///
/// # Errors
///
/// With what went wrong, and the exit code that says whose fault it is.
pub async fn run(invocation: Invocation) -> Result<(), Failure> {
    let Invocation { cli, settings } = invocation;
    run_command(cli.command, &settings).await.map_err(|failure| failure.traced_to(&settings))
}

async fn run_command(command: Command, settings: &Settings) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(*args).await,
        Command::Import(args) => import::run(args).await,
        Command::Report(args) => report::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Token(args) => token::run(args),
        Command::RollUp(args) => roll_up::run(args).await,
        Command::Config(args) => match args.command {
            ConfigCommand::Check(args) => config_check::run(&args, settings),
        },
        Command::Healthcheck(args) => healthcheck::run(&args).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

async fn open(args: &StoreArgs) -> Result<Arc<dyn StatsStore>, Failure> {
    Ok(match StoreUrl::from_args(args)? {
        StoreUrl::Sqlite(file) => traced(SqliteStore::open(&file).await.map_err(Failure::setting)?, "sqlite"),
        StoreUrl::Postgres(options) => {
            traced(PostgresStore::connect(*options).await.map_err(from_database)?, "postgresql")
        }
        StoreUrl::Redis(options) => traced(RedisStore::connect(*options).await.map_err(from_database)?, "redis"),
        StoreUrl::Memory => Arc::new(MemoryStore::default()),
    })
}

fn traced(store: impl StatsStore + 'static, system: &'static str) -> Arc<dyn StatsStore> {
    Arc::new(TracedStore::new(store, system))
}

/// Opens a store to read it, which makes no file.
async fn open_existing(args: &StoreArgs) -> Result<Arc<dyn StatsStore>, Failure> {
    match StoreUrl::from_args(args)? {
        StoreUrl::Sqlite(file) if !file.exists() => {
            let url = format!("sqlite://{}", file.display());
            Err(SettingError::new("--database-url", &url, "a file that exists").into())
        }
        _ => open(args).await,
    }
}

/// A database may come to its senses without another setting, unless it is the setting that is refused.
fn from_database(error: StoreError) -> Failure {
    match error.kind() {
        StoreErrorKind::Rejected => Failure::setting(error),
        _ => Failure::from(anyhow::Error::new(error)),
    }
}

/// Writes to standard output; whoever closed the pipe does not want to read on.
fn print(text: impl AsRef<[u8]>) {
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_ref());
}
