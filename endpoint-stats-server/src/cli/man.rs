//! Flags of `man`.

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server man | man -l -
  endpoint-stats-server man /usr/local/share/man/man1";

/// Where manual pages go.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// The folder that gets a page a command; without it, the first page goes to standard output.
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}
