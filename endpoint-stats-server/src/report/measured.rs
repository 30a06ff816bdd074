//! [`Measured`]: what was counted, as JSON and CSV show it.

use std::collections::BTreeMap;

use endpoint_stats_core::aggregate::{ConsumerCounts, Counts};
use endpoint_stats_core::sketch::LatencySketch;
use endpoint_stats_core::store::{EndpointReport, Summary};
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;

/// What was counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Measured {
    /// All hits.
    pub hits: u64,
    /// The hits that are errors of the service: a status of 500 and above, `failed` or `panicked`.
    pub errors: u64,
    /// Bytes of all request bodies.
    pub request_bytes: u64,
    /// Bytes of all response bodies.
    pub response_bytes: u64,
    /// Different callers, within about 2 %.
    pub callers: u64,
    /// Hits by how they ended: a status code, `failed`, `aborted` or `panicked`.
    pub outcomes: BTreeMap<String, u64>,
    /// From receiving a request to its response head.
    pub latency: Percentiles,
    /// From receiving a request to the last byte of its response body.
    pub duration: Percentiles,
    /// What each named consumer did; left out of time series over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub consumers: Option<BTreeMap<String, ConsumerUse>>,
}

/// How long it took, in seconds, within 1.1 %; `null` where nothing was measured.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Percentiles {
    /// How many durations were measured.
    pub count: u64,
    /// The median, in seconds.
    pub p50: Option<f64>,
    /// The 90th percentile, in seconds.
    pub p90: Option<f64>,
    /// The 95th percentile, in seconds.
    pub p95: Option<f64>,
    /// The 99th percentile, in seconds.
    pub p99: Option<f64>,
    /// The longest, in seconds.
    pub max: Option<f64>,
}

/// What one consumer did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConsumerUse {
    /// All hits.
    pub hits: u64,
    /// The hits that are errors of the service.
    pub errors: u64,
    /// Bytes of all response bodies.
    pub response_bytes: u64,
}

/// What was counted, and when first and last within the range.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Totals {
    /// What was counted.
    #[serde(flatten)]
    pub measured: Measured,
    /// The first hit in the range.
    pub first_seen: Option<Time>,
    /// The last hit in the range.
    pub last_called: Option<Time>,
}

/// What one endpoint did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EndpointTotals {
    /// The service that has the endpoint.
    pub service: String,
    /// Its method, `_OTHER` for those outside of the standards.
    pub method: String,
    /// Its route template.
    pub route: String,
    /// What it did.
    #[serde(flatten)]
    pub totals: Totals,
}

// === impl Measured ===

impl Measured {
    /// Its columns in CSV; outcomes and consumers have none.
    pub const COLUMNS: [&str; 15] = [
        "hits",
        "errors",
        "request_bytes",
        "response_bytes",
        "callers",
        "latency_p50_secs",
        "latency_p90_secs",
        "latency_p95_secs",
        "latency_p99_secs",
        "latency_max_secs",
        "duration_p50_secs",
        "duration_p90_secs",
        "duration_p95_secs",
        "duration_p99_secs",
        "duration_max_secs",
    ];

    /// Its cells, in the order of [`COLUMNS`](Self::COLUMNS).
    pub fn cells(&self) -> Vec<String> {
        let counts = [self.hits, self.errors, self.request_bytes, self.response_bytes, self.callers];
        let mut cells: Vec<_> = counts.iter().map(u64::to_string).collect();
        cells.extend(self.latency.cells());
        cells.extend(self.duration.cells());
        cells
    }

    /// Leaves the consumers out.
    #[must_use]
    pub fn without_consumers(self) -> Self {
        Self { consumers: None, ..self }
    }
}

impl From<&Counts> for Measured {
    fn from(counts: &Counts) -> Self {
        let consumers = counts.consumers.iter().map(|(name, used)| (name.to_string(), (*used).into()));
        Self {
            hits: counts.hits(),
            errors: counts.outcomes.errors(),
            request_bytes: counts.request_bytes,
            response_bytes: counts.response_bytes,
            callers: counts.callers.count(),
            outcomes: counts.outcomes.iter().map(|(outcome, hits)| (outcome.to_string(), hits)).collect(),
            latency: (&counts.latency).into(),
            duration: (&counts.duration).into(),
            consumers: Some(consumers.collect()),
        }
    }
}

// === impl ConsumerUse ===

impl From<ConsumerCounts> for ConsumerUse {
    fn from(used: ConsumerCounts) -> Self {
        Self { hits: used.hits, errors: used.errors, response_bytes: used.response_bytes }
    }
}

// === impl Percentiles ===

impl Percentiles {
    fn cells(&self) -> impl Iterator<Item = String> {
        [self.p50, self.p90, self.p95, self.p99, self.max].into_iter().map(secs_cell)
    }
}

/// Seconds as a cell; nothing where nothing was measured.
pub fn secs_cell(secs: Option<f64>) -> String {
    secs.map(|secs| secs.to_string()).unwrap_or_default()
}

impl From<&LatencySketch> for Percentiles {
    fn from(sketch: &LatencySketch) -> Self {
        let secs = |q| sketch.quantile(q).map(|found| found.as_secs_f64());
        Self {
            count: sketch.count(),
            p50: secs(0.5),
            p90: secs(0.9),
            p95: secs(0.95),
            p99: secs(0.99),
            max: sketch.max().map(|found| found.as_secs_f64()),
        }
    }
}

// === impl Totals ===

impl Totals {
    /// Its cells: those of what was counted, then the two times.
    pub fn cells(&self) -> Vec<String> {
        let mut cells = self.measured.cells();
        cells.extend([&self.first_seen, &self.last_called].map(|at| time_cell(at.as_ref())));
        cells
    }

    /// Its columns in CSV.
    pub fn columns() -> Vec<&'static str> {
        [&Measured::COLUMNS[..], &["first_seen", "last_called"]].concat()
    }
}

/// A time as a cell; nothing where there is none.
pub fn time_cell(at: Option<&Time>) -> String {
    at.map_or_else(String::new, |at| at.as_str().to_owned())
}

impl From<&Summary> for Totals {
    fn from(summary: &Summary) -> Self {
        Self {
            measured: (&summary.counts).into(),
            first_seen: summary.first_at.map(Time::from),
            last_called: summary.last_at.map(Time::from),
        }
    }
}

// === impl EndpointTotals ===

impl From<&EndpointReport> for EndpointTotals {
    fn from(found: &EndpointReport) -> Self {
        Self {
            service: found.endpoint.service().to_string(),
            method: found.endpoint.method().to_string(),
            route: found.endpoint.route().to_string(),
            totals: (&found.summary).into(),
        }
    }
}
