//! Flags of `healthcheck`.

use std::net::SocketAddr;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  endpoint-stats-server healthcheck
  endpoint-stats-server healthcheck --ready --timeout-secs 1
  endpoint-stats-server healthcheck --listen 127.0.0.1:8080";

/// Which server to ask; what is not said is taken from the settings of `serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct HealthcheckArgs {
    /// The address the server listens on.
    #[arg(long, env = "ENDPOINT_STATS_LISTEN", default_value = "127.0.0.1:9999", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// The other address, if the server has one; it is then the one that is asked.
    #[arg(long, env = "ENDPOINT_STATS_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<SocketAddr>,
    /// Asks whether requests should come here, and not only whether the process is alive.
    #[arg(long)]
    pub ready: bool,
    /// Seconds to wait for the answer.
    #[arg(long, default_value = "3", value_name = "SECONDS")]
    pub timeout_secs: f64,
}
