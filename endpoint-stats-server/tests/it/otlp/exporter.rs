//! OpenTelemetry's own exporter against a server that restarts.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use endpoint_stats_core::Outcome;
use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::store::{SqliteStore, StatsQuery, StatsStore};
use endpoint_stats_core::window::TimeRange;
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::{self, Ingest};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream, Temporality};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::command::PATIENCE;

/// A server in a runtime of its own, which takes its connections with it.
struct Restartable {
    runtime: Runtime,
    store: Arc<dyn StatsStore>,
    address: SocketAddr,
}

impl Restartable {
    fn start(folder: &Path, address: SocketAddr) -> Self {
        let runtime = Runtime::new().unwrap();
        let (store, address) = runtime.block_on(async {
            let store: Arc<dyn StatsStore> = Arc::new(SqliteStore::open(folder.join("stats.db")).await.unwrap());
            let listener = TcpListener::bind(address).await.unwrap();
            let address = listener.local_addr().unwrap();
            let anyone = Extension(Principal::new("anyone", [Scope::Ingest]));
            let router = ingest::router(Ingest::new(Arc::clone(&store))).layer(anyone);
            tokio::spawn(axum::serve(listener, router).into_future());
            (store, address)
        });
        Self { runtime, store, address }
    }

    fn restart(self, folder: &Path) -> Self {
        self.runtime.shutdown_timeout(PATIENCE);
        drop(self.store);
        Self::start(folder, self.address)
    }

    fn counts(&self) -> Counts {
        let report = self.runtime.block_on(self.store.query(&StatsQuery::over(TimeRange::ALL))).unwrap();
        assert!(report.endpoints.iter().all(|found| found.endpoint.to_string() == "shop GET /users/{id}"));
        report.totals.counts
    }
}

fn provider(address: SocketAddr, temporality: Temporality, is_exponential: bool) -> SdkMeterProvider {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("http://{address}/v1/metrics"))
        .with_timeout(PATIENCE)
        .with_temporality(temporality)
        .build()
        .unwrap();
    let view = move |_: &Instrument| {
        let aggregation = Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
        is_exponential.then(|| Stream::builder().with_aggregation(aggregation).build().unwrap())
    };
    SdkMeterProvider::builder()
        .with_periodic_exporter(exporter)
        .with_view(view)
        .with_resource(Resource::builder_empty().with_service_name("shop").build())
        .build()
}

#[test]
fn every_request_that_the_real_exporter_tells_counts_once_over_a_restart() {
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        for is_exponential in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let mut server = Restartable::start(folder.path(), ([127, 0, 0, 1], 0).into());
            let provider = provider(server.address, temporality, is_exponential);
            let histogram = provider
                .meter("test")
                .f64_histogram("http.server.request.duration")
                .with_unit("s")
                .with_boundaries(vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0])
                .build();

            let mut recorded = Vec::new();
            for round in 1..=4_u16 {
                for n in 1..=100_u16 {
                    let status = KeyValue::new("http.response.status_code", if n % 10 == 0 { 500 } else { 200 });
                    let route = KeyValue::new("http.route", "/users/{id}");
                    let method = KeyValue::new("http.request.method", "GET");
                    histogram.record(f64::from(n * round) / 1_000.0, &[method, route, status]);
                    recorded.push(Duration::from_millis((n * round).into()));
                }
                provider.force_flush().unwrap();
                assert_eq!(server.counts().hits(), recorded.len() as u64);
                if round == 2 {
                    server = server.restart(folder.path());
                }
            }

            let counts = server.counts();
            assert_eq!(counts.outcomes.of(Outcome::Status(500)), 40);
            assert_eq!(counts.duration.count(), 400);
            recorded.sort_unstable();
            let (median, expected) = (counts.duration.quantile(0.5).unwrap(), recorded[199]);
            let error = if is_exponential { 1.05 } else { 2.0 };
            assert!(median < expected.mul_f64(error) && expected < median.mul_f64(error), "{median:?}, {expected:?}");
            provider.shutdown().unwrap();
        }
    }
}
