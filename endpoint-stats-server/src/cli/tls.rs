//! Flags that encrypt what `serve` says.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

/// What `serve` proves itself with.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// The server's certificate and those up to its authority, in PEM; read anew when the file changes.
    #[arg(long, env = "ENDPOINT_STATS_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM; read anew when the file changes.
    #[arg(long, env = "ENDPOINT_STATS_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Encrypts what --admin-listen serves too, which is plain otherwise.
    #[arg(long, env = "ENDPOINT_STATS_ADMIN_TLS", value_parser = BoolishValueParser::new())]
    pub admin_tls: bool,
}
