//! Flags that limit what clients of `serve` can take.

use clap::{Args, value_parser};

/// The largest body that can be allowed: more would have to fit into memory at once.
const MOST_BYTES: i64 = 1 << 30;

/// A year.
const MOST_REMEMBERED_SECS: i64 = 365 * 86_400;

/// What clients of `serve` can take, together and each.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Connections at once; when they are all taken, the one that does least makes way for the next.
    #[arg(long, env = "ENDPOINT_STATS_MAX_CONNECTIONS", default_value = "2048", value_name = "NUMBER",
        value_parser = value_parser!(u16).range(1..))]
    pub max_connections: u16,
    /// Connections at once from one IPv4 address or one IPv6 network of 64 bits.
    #[arg(long, env = "ENDPOINT_STATS_MAX_CONNECTIONS_PER_ADDRESS", default_value = "64", value_name = "NUMBER",
        value_parser = value_parser!(u16).range(1..))]
    pub max_connections_per_address: u16,
    /// Requests worked on at once; others are answered 503 with `Retry-After`.
    #[arg(long, env = "ENDPOINT_STATS_MAX_REQUESTS", default_value = "256", value_name = "NUMBER",
        value_parser = value_parser!(u16).range(1..))]
    pub max_requests: u16,
    /// Headers of a request.
    #[arg(long, env = "ENDPOINT_STATS_MAX_HEADERS", default_value = "64", value_name = "NUMBER",
        value_parser = value_parser!(u16).range(8..=1_024))]
    pub max_headers: u16,
    /// Bytes of a request's head: its first line and its headers.
    #[arg(long, env = "ENDPOINT_STATS_MAX_HEAD_BYTES", default_value = "65536", value_name = "BYTES",
        value_parser = value_parser!(u32).range(8_192..=1_048_576))]
    pub max_head_bytes: u32,
    /// Bytes of a body, unless it is a batch or hits.
    #[arg(long, env = "ENDPOINT_STATS_MAX_BODY_BYTES", default_value = "1048576", value_name = "BYTES",
        value_parser = value_parser!(u32).range(1..=MOST_BYTES))]
    pub max_body_bytes: u32,
    /// Bytes of a body at /v1/batches.
    #[arg(long, env = "ENDPOINT_STATS_MAX_BATCH_BYTES", default_value = "8388608", value_name = "BYTES",
        value_parser = value_parser!(u32).range(1..=MOST_BYTES))]
    pub max_batch_bytes: u32,
    /// Bytes of a body at /v1/hits.
    #[arg(long, env = "ENDPOINT_STATS_MAX_HITS_BYTES", default_value = "67108864", value_name = "BYTES",
        value_parser = value_parser!(u32).range(1..=MOST_BYTES))]
    pub max_hits_bytes: u32,
    /// Seconds that an idempotency key at /v1/hits is remembered at least; longer than any client sends a request again.
    #[arg(long, env = "ENDPOINT_STATS_IDEMPOTENCY_KEY_SECS", default_value = "86400", value_name = "SECONDS",
        value_parser = value_parser!(u32).range(600..=MOST_REMEMBERED_SECS))]
    pub idempotency_key_secs: u32,
    /// Seconds that the totals of a source at /v1/metrics are remembered at least, after its last report.
    #[arg(long, env = "ENDPOINT_STATS_OTLP_SOURCE_SECS", default_value = "2592000", value_name = "SECONDS",
        value_parser = value_parser!(u32).range(172_800..=MOST_REMEMBERED_SECS))]
    pub otlp_source_secs: u32,
    /// Bytes a second that a body needs on average, after a first time of --body-timeout-secs.
    #[arg(long, env = "ENDPOINT_STATS_MIN_BODY_RATE", default_value = "1024", value_name = "BYTES",
        value_parser = value_parser!(u32).range(1..=MOST_BYTES))]
    pub min_body_rate: u32,
    /// Seconds that a TLS handshake may take.
    #[arg(long, env = "ENDPOINT_STATS_HANDSHAKE_TIMEOUT_SECS", default_value = "5", value_name = "SECONDS")]
    pub handshake_timeout_secs: f64,
    /// Seconds that a request's head may take.
    #[arg(long, env = "ENDPOINT_STATS_HEADER_TIMEOUT_SECS", default_value = "5", value_name = "SECONDS")]
    pub header_timeout_secs: f64,
    /// Seconds that a client may pause while it sends a body or takes an answer.
    #[arg(long, env = "ENDPOINT_STATS_BODY_TIMEOUT_SECS", default_value = "10", value_name = "SECONDS")]
    pub body_timeout_secs: f64,
    /// Seconds that an answer may take, without the time it waits for its client.
    #[arg(long, env = "ENDPOINT_STATS_ANSWER_TIMEOUT_SECS", default_value = "10", value_name = "SECONDS")]
    pub answer_timeout_secs: f64,
    /// Seconds that a connection may lie idle between two requests.
    #[arg(long, env = "ENDPOINT_STATS_IDLE_TIMEOUT_SECS", default_value = "60", value_name = "SECONDS")]
    pub idle_timeout_secs: f64,
}
