//! Flags of `import`.

use std::path::PathBuf;

use clap::Args;

use super::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server import --service web access.log access.log.1.gz
  endpoint-stats-server import --format '%h %l %u %t \"%r\" %>s %b %D' --routes routes.txt access.log
  zcat old.gz | endpoint-stats-server import -";

/// What to import, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The logs, plain or gzip; - reads standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The name of the service that wrote the log.
    #[arg(long, env = "ENDPOINT_STATS_SERVICE", default_value = "web", value_name = "NAME")]
    pub service: String,
    /// How a line is written: combined, common, or an Apache `LogFormat` such as '%h %t "%r" %>s %b %D'.
    #[arg(long, default_value = "combined", value_name = "FORMAT")]
    pub format: String,
    /// A file of route templates, one a line, as axum writes them: /users/{id}. Without it, numbers, UUIDs and long
    /// hexadecimal parts of a path become {id}.
    #[arg(long, value_name = "FILE")]
    pub routes: Option<PathBuf>,
    /// The width of the windows: 10s, 1m, 1h or 1d.
    #[arg(long, default_value = "1h", value_name = "WIDTH")]
    pub window: String,
    /// Goes on with what is added to the file, also when it is rotated, until interrupted.
    #[arg(long)]
    pub follow: bool,
}
