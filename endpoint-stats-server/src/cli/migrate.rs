//! Flags of `migrate`.

use clap::Args;

use super::StoreArgs;

/// Which tables to bring up to date.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}
