//! Flags of `report`.

use clap::Args;

use super::StoreArgs;
use crate::report::SortBy;

/// What to report.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The first second: 2015-05-17, 2015-05-17T10:00:00Z, or -24h for 24 hours ago.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// The first second after the range, written the same way.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Only this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Only this method.
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Only this route template.
    #[arg(long, value_name = "TEMPLATE")]
    pub route: Option<String>,
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
