//! [`Limits`]: how much of the server one client, and all of them, can take.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;

use crate::cli::LimitArgs;
use crate::ingest;
use crate::settings::{SettingError, duration};

/// How much of the server one client, and all of them, can take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Of connections.
    pub connections: ConnectionLimits,
    /// Of requests.
    pub requests: RequestLimits,
}

/// What a listener lets its connections do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectionLimits {
    /// Connections at once.
    pub max: usize,
    /// Connections at once from one IPv4 address, or from one IPv6 network of 64 bits.
    pub max_per_address: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a head may take, from the connection's start or from the head's first byte.
    pub head: Duration,
    /// How long a connection may lie idle between two requests.
    pub idle: Duration,
    /// How long a client may take nothing of an answer that waits for it.
    pub stall: Duration,
    /// Headers of a request.
    pub max_headers: usize,
    /// Bytes of a request's head.
    pub max_head_bytes: usize,
}

/// What requests may do, together and each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestLimits {
    /// Requests worked on at once; one that waits for its client is not worked on.
    pub max_at_once: usize,
    /// How long an answer may take, without the time it waits for its client.
    pub answer: Duration,
    /// How long a client may pause in a body.
    pub body_pause: Duration,
    /// Bytes a second that a body needs on average after its first pause.
    pub min_body_rate: u32,
    /// Bytes of a body.
    pub max_body: usize,
    /// Bytes of a batch.
    pub max_batch: usize,
    /// Bytes of a stream of hits.
    pub max_hits: usize,
    /// How long an idempotency key is remembered.
    pub keys_remembered: Duration,
    /// How long the totals of a source of OpenTelemetry metrics are remembered after its last report.
    pub sources_remembered: Duration,
}

// === impl Limits ===

impl Limits {
    /// Takes the limits from their flags.
    ///
    /// # Errors
    ///
    /// When one is out of its range.
    pub fn from_args(args: &LimitArgs) -> Result<Self, SettingError> {
        let short = |setting, secs| duration(setting, secs, 0.1..=600.0);
        let body_pause = short("--body-timeout-secs", args.body_timeout_secs)?;
        Ok(Self {
            connections: ConnectionLimits {
                max: args.max_connections.into(),
                max_per_address: args.max_connections_per_address.into(),
                handshake: short("--handshake-timeout-secs", args.handshake_timeout_secs)?,
                head: short("--header-timeout-secs", args.header_timeout_secs)?,
                idle: duration("--idle-timeout-secs", args.idle_timeout_secs, 0.1..=3600.0)?,
                stall: body_pause,
                max_headers: args.max_headers.into(),
                max_head_bytes: args.max_head_bytes as usize,
            },
            requests: RequestLimits {
                max_at_once: args.max_requests.into(),
                answer: short("--answer-timeout-secs", args.answer_timeout_secs)?,
                body_pause,
                min_body_rate: args.min_body_rate,
                max_body: args.max_body_bytes as usize,
                max_batch: args.max_batch_bytes as usize,
                max_hits: args.max_hits_bytes as usize,
                keys_remembered: Duration::from_secs(args.idempotency_key_secs.into()),
                sources_remembered: Duration::from_secs(args.otlp_source_secs.into()),
            },
        })
    }
}

// === impl ConnectionLimits ===

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max: 2_048,
            max_per_address: 64,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(5),
            idle: Duration::from_mins(1),
            stall: Duration::from_secs(10),
            max_headers: 64,
            max_head_bytes: 64 * 1024,
        }
    }
}

// === impl RequestLimits ===

impl RequestLimits {
    /// The limit of bodies that routes take whole.
    pub(super) fn body(&self) -> DefaultBodyLimit {
        DefaultBodyLimit::max(self.max_body)
    }

    /// What the routes of `/v1` that read their bodies themselves take.
    pub fn ingest(&self) -> ingest::Limits {
        let bytes = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX);
        ingest::Limits {
            batch_bytes: bytes(self.max_batch),
            stream_bytes: bytes(self.max_hits),
            keys_remembered: self.keys_remembered,
            sources_remembered: self.sources_remembered,
            ..ingest::Limits::default()
        }
    }
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            max_at_once: 256,
            answer: Duration::from_secs(10),
            body_pause: Duration::from_secs(10),
            min_body_rate: 1_024,
            max_body: 1 << 20,
            max_batch: 8 << 20,
            max_hits: 64 << 20,
            keys_remembered: ingest::Limits::default().keys_remembered,
            sources_remembered: ingest::Limits::default().sources_remembered,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn read(arguments: &[&str]) -> Result<Limits, String> {
        let line = Line::try_parse_from([&["serve"], arguments].concat()).map_err(|error| error.to_string())?;
        Limits::from_args(&line.limits).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_and_the_library_have_the_same_defaults() {
        assert_eq!(read(&[]), Ok(Limits::default()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for [flag, value] in [
            ["--max-connections", "0"],
            ["--max-connections", "65536"],
            ["--max-connections-per-address", "0"],
            ["--max-requests", "-1"],
            ["--max-headers", "0"],
            ["--max-head-bytes", "100"],
            ["--header-timeout-secs", "0"],
            ["--header-timeout-secs", "-1"],
            ["--header-timeout-secs", "NaN"],
            ["--handshake-timeout-secs", "inf"],
            ["--idle-timeout-secs", "1e300"],
            ["--answer-timeout-secs", "601"],
            ["--body-timeout-secs", "10s"],
            ["--min-body-rate", "0"],
            ["--max-body-bytes", "0"],
            ["--max-batch-bytes", "18446744073709551616"],
            ["--max-hits-bytes", "1.5"],
            ["--idempotency-key-secs", "599"],
            ["--otlp-source-secs", "86400"],
        ] {
            let error = read(&[&format!("{flag}={value}")]).expect_err(flag);
            assert!(error.contains(flag), "{flag}: {error}");
        }
    }
}
