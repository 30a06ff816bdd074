//! The command line: every flag, its variable and its default.

mod access;
mod import;
mod limits;
mod migrate;
mod report;
mod serve;
mod store;
mod tls;
mod token;

use clap::{Parser, Subcommand};

pub use self::access::AccessArgs;
pub use self::import::ImportArgs;
pub use self::limits::LimitArgs;
pub use self::migrate::MigrateArgs;
pub use self::report::ReportArgs;
pub use self::serve::{LogFormat, ServeArgs};
pub use self::store::{RedisArgs, StoreArgs};
pub use self::tls::TlsArgs;
pub use self::token::{CreateArgs, ListArgs, RevokeArgs, TokenArgs, TokenCommand, TokensFileArgs};

/// Endpoint statistics you can trust, in your own store.
#[derive(Debug, Parser)]
#[command(name = "endpoint-stats-server", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the dashboard, the statistics and the metrics, and counts its own endpoints.
    Serve(ServeArgs),
    /// Counts the lines of access logs; a line that was counted before is not counted again.
    Import(ImportArgs),
    /// Prints what was counted.
    Report(ReportArgs),
    /// Makes the tables of a PostgreSQL database, or brings them up to date.
    Migrate(MigrateArgs),
    /// Makes, lists and revokes the tokens that a server lets in.
    Token(TokenArgs),
}
