//! Flags that say which traces are kept, and who gets them.

use std::path::PathBuf;

use clap::Args;

/// Which traces are kept, and who gets them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Traces")]
#[expect(clippy::struct_field_names, reason = "a flag is called what its field is")]
pub struct TraceArgs {
    /// The collector that spans are sent to, OTLP as protobuf over HTTP; `/v1/traces` is added to a URL without a path.
    #[arg(long, env = "ENDPOINT_STATS_TRACE_OTLP_ENDPOINT", value_name = "URL")]
    pub trace_otlp_endpoint: Option<String>,
    /// A file of headers for the collector, for secrets: `name: value` on each line; it is read anew for each batch.
    #[arg(long, env = "ENDPOINT_STATS_TRACE_OTLP_HEADERS_FILE", value_name = "FILE", requires = "trace_otlp_endpoint")]
    pub trace_otlp_headers_file: Option<PathBuf>,
    /// The part of the traces that is sent, 0 to 1; a trace that a client has begun is sent if the client says so.
    #[arg(long, env = "ENDPOINT_STATS_TRACE_SAMPLE_RATIO", default_value = "1", value_name = "NUMBER")]
    pub trace_sample_ratio: f64,
}
