//! Flags of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{SelectionArgs, StoreArgs};

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server export --from -7d week.csv
  endpoint-stats-server export --service shop --step 1d shop.parquet
  endpoint-stats-server export --format jsonl --from -24h - | jq .hits";

/// What to export, and where to.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Which hits.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// What a row covers: 10s, 1m, 5m, 1h, 1d, 7d; longer where the store keeps longer windows.
    #[arg(long, default_value = "1h", value_name = "STEP")]
    pub step: String,
    /// How rows are written; without it, the file's name tells.
    #[arg(long)]
    pub format: Option<ExportFormat>,
    /// The file to write, which appears when it is whole; - is standard output.
    #[arg(required = true, value_name = "FILE")]
    pub file: PathBuf,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A row of names, then a row of cells an endpoint and step.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// Columns, compressed with Snappy; needs the feature `parquet`.
    Parquet,
}
