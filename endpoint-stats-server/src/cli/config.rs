//! Flags of `config`.

use clap::{Args, Subcommand};

use super::ServeArgs;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server config check --config /etc/endpoint-stats.toml
  endpoint-stats-server config check --listen 0.0.0.0:9999";

/// What to do with the settings.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Checks the settings of serve without listening or opening a database, and prints them with their source.
    #[command(after_help = EXAMPLES)]
    Check(Box<ConfigCheckArgs>),
}

/// What to check.
#[derive(Debug, Args)]
pub struct ConfigCheckArgs {
    /// The settings of `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
}
