//! Flags of `migrate`.

use clap::Args;

use super::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server migrate --database-url postgres://owner@db/stats --database-password-file /run/secrets/owner
  endpoint-stats-server migrate --check --wait-secs 300";

/// Which tables to bring up to date.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MigrateArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Gives the roles of PostgreSQL their rights too.
    #[arg(long)]
    pub roles: bool,
    /// Changes nothing: asks whether the tables are those of this version.
    #[arg(long, conflicts_with = "roles")]
    pub check: bool,
    /// Seconds to go on trying while the database is away, or, with --check, while its tables are not those of this version.
    #[arg(long, default_value = "0", value_name = "SECONDS")]
    pub wait_secs: u32,
}
