//! Flags of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::{AccessArgs, LimitArgs, RedisArgs, SpoolArgs, StoreArgs, TlsArgs, TraceArgs};

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server serve
  endpoint-stats-server serve --listen 0.0.0.0:9999 --database-url postgres://stats@db/stats --migrate
  endpoint-stats-server serve --config /etc/endpoint-stats.toml";

/// How to serve.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Where the windows are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// What stands in front of it.
    #[command(flatten)]
    pub redis: RedisArgs,
    /// Who may read, and who may send.
    #[command(flatten)]
    pub access: AccessArgs,
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
    /// The file of the secret that callers in hits are hashed with, the same for all servers of a database; made if there
    /// is none. Without it, beside a SQLite file; else each server draws one at its start, and shares no callers.
    #[arg(long, env = "ENDPOINT_STATS_CALLER_SECRET_FILE", value_name = "FILE")]
    pub caller_secret_file: Option<PathBuf>,
    /// Seconds between two flushes.
    #[arg(long, env = "ENDPOINT_STATS_FLUSH_SECS", default_value = "1", value_name = "SECONDS")]
    pub flush_secs: f64,
    /// Seconds that a shutdown may take.
    #[arg(long, env = "ENDPOINT_STATS_DRAIN_SECS", default_value = "10", value_name = "SECONDS")]
    pub drain_secs: u16,
    /// Where hits wait for the store.
    #[command(flatten)]
    pub spool: SpoolArgs,
    /// How log lines are written.
    #[arg(long, env = "ENDPOINT_STATS_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// What it proves itself with.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// A file with a certificate that others serve, to say in the metrics when it ends; may be given again.
    #[arg(long, env = "ENDPOINT_STATS_WATCH_CERTIFICATE", value_name = "FILE", value_delimiter = ',')]
    pub watch_certificate: Vec<PathBuf>,
    /// Who gets its traces.
    #[command(flatten)]
    pub trace: TraceArgs,
    /// What clients can take.
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}
