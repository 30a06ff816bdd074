//! Flags of `migrate`.

use clap::Args;

use super::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server migrate --database-url postgres://owner@db/stats --database-password-file /run/secrets/owner";

/// Which tables to bring up to date.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MigrateArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}
