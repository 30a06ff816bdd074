//! `GET /metrics`: what this process says about itself, to Prometheus.
//!
//! What the `metrics` facade collected, what each endpoint counted since the process started ([`EndpointTotals`]), and
//! the figures of the process; as text, or as protobuf with native histograms for a scraper that asks for it.
//! `docs/metrics.md` lists every metric, and is made of [`descriptions`].

pub(crate) mod catalog;
mod certificates;
mod family;
mod format;
mod protobuf;
mod received;

use std::time::Duration;

use endpoint_stats_core::telemetry::{self, EndpointTotals};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio::time::interval;

pub use self::catalog::descriptions;
pub use self::certificates::watch as watch_certificates;
pub use self::format::Format;
pub(crate) use self::received::Received;

/// The bounds of every histogram of the facade, in seconds: a flush takes about a millisecond, or as long as the store makes
/// it wait; a roll-up longer.
const BOUNDS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 300.0];

/// What this process says about itself; clones say the same.
#[derive(Clone)]
pub struct Exposition {
    facade: PrometheusHandle,
    process: Collector,
    totals: EndpointTotals,
}

/// Collects the metrics of this process from now on.
///
/// # Errors
///
/// When something else does already.
///
/// # Panics
///
/// When called outside of a tokio runtime.
pub fn install() -> Result<Exposition, BuildError> {
    let histograms = Matcher::Suffix("_duration_seconds".to_owned());
    let facade = PrometheusBuilder::new().set_buckets_for_metric(histograms, &BOUNDS)?.install_recorder()?;
    telemetry::describe();
    catalog::describe();
    let process = Collector::default();
    process.describe();
    tokio::spawn(upkeep(facade.clone()));
    Ok(Exposition { facade, process, totals: EndpointTotals::default() })
}

async fn upkeep(facade: PrometheusHandle) {
    let mut ticks = interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        facade.run_upkeep();
    }
}

impl Exposition {
    /// Says what these endpoints counted, too.
    #[must_use]
    pub fn with_totals(mut self, totals: EndpointTotals) -> Self {
        self.totals = totals;
        self
    }

    /// Everything there is to say now; reads files of the operating system.
    pub fn render(&self, format: Format) -> Vec<u8> {
        self.process.collect();
        let facade = self.facade.render();
        match format {
            Format::Text => (facade + &self.totals.to_prometheus()).into_bytes(),
            Format::Protobuf => protobuf::encode(&family::parse(&facade), &self.totals.snapshot()),
        }
    }
}

impl std::fmt::Debug for Exposition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exposition").finish_non_exhaustive()
    }
}
