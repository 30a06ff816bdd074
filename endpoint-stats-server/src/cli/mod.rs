//! The command line: every flag, its variable and its default.

mod access;
mod completions;
mod config;
mod export;
mod healthcheck;
mod import;
mod limits;
mod man;
mod migrate;
mod report;
mod roll_up;
mod selection;
mod serve;
mod spool;
mod store;
mod tls;
mod token;
mod trace;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use self::access::AccessArgs;
pub use self::completions::CompletionsArgs;
pub use self::config::{ConfigArgs, ConfigCheckArgs, ConfigCommand};
pub use self::export::{ExportArgs, ExportFormat};
pub use self::healthcheck::HealthcheckArgs;
pub use self::import::ImportArgs;
pub use self::limits::LimitArgs;
pub use self::man::ManArgs;
pub use self::migrate::MigrateArgs;
pub use self::report::ReportArgs;
pub use self::roll_up::RollUpArgs;
pub use self::selection::SelectionArgs;
pub use self::serve::{LogFormat, ServeArgs};
pub use self::spool::SpoolArgs;
pub use self::store::{RedisArgs, StoreArgs};
pub use self::tls::TlsArgs;
pub use self::token::{CreateArgs, ListArgs, RevokeArgs, TokenArgs, TokenCommand, TokensFileArgs};
pub use self::trace::TraceArgs;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server serve
  endpoint-stats-server import access.log
  endpoint-stats-server report --from -24h

A flag wins over its variable, a variable over the configuration file, and the file over the default.";

/// Endpoint statistics you can trust, in your own store.
#[derive(Debug, Parser)]
#[command(name = "endpoint-stats-server", version, about, disable_help_subcommand = true, after_help = EXAMPLES)]
pub struct Cli {
    /// A file of settings (TOML): a table a command, a key a flag.
    #[arg(long, global = true, env = "ENDPOINT_STATS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the dashboard, the statistics and the metrics, and counts its own endpoints.
    Serve(Box<ServeArgs>),
    /// Counts the lines of access logs; a line that was counted before is not counted again.
    Import(ImportArgs),
    /// Prints what was counted.
    Report(ReportArgs),
    /// Writes what was counted to a file: CSV, JSON lines or Parquet.
    Export(ExportArgs),
    /// Makes the tables of a PostgreSQL database, or brings them up to date.
    Migrate(MigrateArgs),
    /// Makes, lists and revokes the tokens that a server lets in.
    Token(TokenArgs),
    /// Moves windows past their retention into wider ones, and deletes what is past every retention.
    RollUp(RollUpArgs),
    /// Checks the settings.
    Config(ConfigArgs),
    /// Asks a running server whether it is well: exit code 0 or 1, for probes without a shell.
    Healthcheck(HealthcheckArgs),
    /// Prints what makes a shell complete this command line.
    Completions(CompletionsArgs),
    /// Prints the manual.
    Man(ManArgs),
}
