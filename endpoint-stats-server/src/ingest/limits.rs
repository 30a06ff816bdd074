//! [`Limits`]: how much one request, and all of them together, may bring, and how long it is told from a new one.

use std::time::Duration;

/// How much one request, and all of them together, may bring, and how long it is told from a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a batch. Defaults to 8 MiB.
    pub batch_bytes: u64,
    /// Bytes of another body that is held whole, decompressed. Defaults to 8 MiB.
    pub document_bytes: u64,
    /// Bytes of a body that is read line by line, decompressed. Defaults to 64 MiB.
    pub stream_bytes: u64,
    /// Bytes of one line. Defaults to 64 KiB.
    pub line_bytes: usize,
    /// How many times larger than it was sent a body may become, past its first MiB. Defaults to 100.
    pub ratio: u64,
    /// Endpoints of one service in one request; further ones are folded. Defaults to 2,000.
    pub endpoints_per_request: usize,
    /// Pairs of endpoint and window in one request. Defaults to 50,000.
    pub windows_per_request: usize,
    /// Endpoints of one service; new ones beyond are folded, known ones go on. Defaults to 10,000.
    pub endpoints_per_service: usize,
    /// Consumers of one service; new ones beyond are folded. Defaults to 2,000.
    pub consumers_per_service: usize,
    /// Services; hits of a new one beyond are refused. Defaults to 1,000.
    pub services: usize,
    /// How long an idempotency key is remembered at least. Defaults to 24 hours.
    pub keys_remembered: Duration,
    /// How long the totals of a source of OpenTelemetry metrics are remembered after its last report, at least. Defaults
    /// to 30 days.
    pub sources_remembered: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_bytes: 8 << 20,
            document_bytes: 8 << 20,
            stream_bytes: 64 << 20,
            line_bytes: 64 << 10,
            ratio: 100,
            endpoints_per_request: 2_000,
            windows_per_request: 50_000,
            endpoints_per_service: 10_000,
            consumers_per_service: 2_000,
            services: 1_000,
            keys_remembered: Duration::from_hours(24),
            sources_remembered: Duration::from_hours(30 * 24),
        }
    }
}
