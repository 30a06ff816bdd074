//! The command line: every flag, its variable and its default.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::DatabaseUrl;

/// Endpoint statistics you can trust, in your own store.
#[derive(Debug, Parser)]
#[command(name = "endpoint-stats-server", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the dashboard, the statistics and the metrics, and counts its own endpoints.
    Serve(ServeArgs),
    /// Counts the lines of access logs; a line that was counted before is not counted again.
    Import(ImportArgs),
    /// Prints what was counted.
    Report(ReportArgs),
    /// Makes the tables of a PostgreSQL database, or brings them up to date.
    Migrate(MigrateArgs),
}

/// Where the windows are kept.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "a flag is named after its field")]
pub struct StoreArgs {
    /// Where the windows are kept: `sqlite://FILE`, `postgres://USER@HOST/DATABASE`, `redis://HOST/DATABASE` or
    /// `memory:`
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
    /// A file that holds the URL, for secrets.
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE", conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,
    /// A file that holds the password for PostgreSQL or Redis; it is read anew for each connection.
    #[arg(long, env = "DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,
    /// Connections to PostgreSQL or Redis at most.
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value = "8", value_name = "NUMBER")]
    pub database_connections: NonZeroU16,
}

/// A Redis in front of the store.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "a flag is named after its field")]
pub struct RedisArgs {
    /// A Redis that keeps answers for a moment and tells servers of each other's hits: `redis://HOST/DATABASE` or
    /// `redis-cluster://HOST,HOST`
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<DatabaseUrl>,
    /// A file that holds this URL, for secrets.
    #[arg(long, env = "REDIS_URL_FILE", value_name = "FILE", conflicts_with = "redis_url")]
    pub redis_url_file: Option<PathBuf>,
    /// A file that holds the password for this Redis; it is read anew for each connection.
    #[arg(long, env = "REDIS_PASSWORD_FILE", value_name = "FILE")]
    pub redis_password_file: Option<PathBuf>,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// What stands in front of it.
    #[command(flatten)]
    pub redis: RedisArgs,
    /// Brings the tables of a PostgreSQL database up to date first; any number of servers may do so at once.
    #[arg(long, env = "MIGRATE", value_parser = BoolishValueParser::new())]
    pub migrate: bool,
    /// The address to listen on.
    #[arg(long, env = "ENDPOINT_STATS_LISTEN", default_value = "127.0.0.1:9999", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Another address for /health, /ready and /metrics, which the first one then does not serve.
    #[arg(long, env = "ENDPOINT_STATS_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<SocketAddr>,
    /// The name the server counts its own endpoints under.
    #[arg(long, env = "ENDPOINT_STATS_SERVICE", default_value = "endpoint-stats-server", value_name = "NAME")]
    pub service: String,
    /// Seconds between two flushes.
    #[arg(long, env = "ENDPOINT_STATS_FLUSH_SECS", default_value = "1", value_name = "SECONDS")]
    pub flush_secs: f64,
    /// Connections served at once; others wait to be accepted.
    #[arg(long, env = "ENDPOINT_STATS_MAX_CONNECTIONS", default_value = "2048", value_name = "NUMBER")]
    pub max_connections: u16,
    /// Seconds that a shutdown may take.
    #[arg(long, env = "ENDPOINT_STATS_DRAIN_SECS", default_value = "10", value_name = "SECONDS")]
    pub drain_secs: u16,
    /// How log lines are written.
    #[arg(long, env = "ENDPOINT_STATS_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// What to import, and how.
#[derive(Debug, Args)]
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

/// Which tables to bring up to date.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// What comes first in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// The most hits.
    Hits,
    /// The most errors.
    Errors,
    /// The longest 99th percentile.
    P99,
    /// The most response bytes.
    Bytes,
    /// The name.
    Name,
}
