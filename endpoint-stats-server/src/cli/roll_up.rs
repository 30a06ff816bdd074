//! Flags of `roll-up`.

use clap::Args;

use super::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server roll-up --database-url sqlite://stats.db";

/// Which store to roll up.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RollUpArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}
