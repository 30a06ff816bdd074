//! Flags of `report`.

use clap::Args;

use super::{SelectionArgs, StoreArgs};
use crate::report::SortBy;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server report --from -24h --sort p99
  endpoint-stats-server report --service shop --step 1h --json
  endpoint-stats-server report --unused";

/// What to report.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Which hits.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Adds a time series with this step: 10s, 5m, 1h, 1d.
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// What comes first.
    #[arg(long, default_value = "hits")]
    pub sort: SortBy,
    /// Rows of the table; 0 shows all.
    #[arg(long, default_value = "50", value_name = "NUMBER")]
    pub limit: usize,
    /// Only the endpoints that were registered and never called.
    #[arg(long)]
    pub unused: bool,
    /// Prints JSON: everything, times in RFC 3339, durations in seconds.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Prints CSV: a row an endpoint.
    #[arg(long)]
    pub csv: bool,
}
