//! What one request costs more because it is counted, next to two other layers that count requests.
//!
//! Each table calls one service with and without a layer, the way hyper does: the service is polled until it is ready
//! and called, the response body is read until it says that it has ended, and dropped. No socket and no runtime is
//! involved, so the first line is all there is of the service itself, and `+ns` is what the layer adds. How the tables
//! are measured, and how to read them, is said in `paired.rs`.
//!
//! - "tower": a service made of a function that answers 13 bytes.
//! - "axum": a router with four routes, one of them with a parameter, which is the one that is called. Under axum, *any*
//!   layer costs something, because axum boxes the service and its future once more, and the body if the layer changed
//!   its type. The two layers that do nothing show how much: one leaves the body as it is, one wraps it.
//! - "callers": the plain service again, with a peer address and an API key in each request, of 4,096 different callers.
//!
//! The other layers count into what they count into by default: axum-prometheus into the exporter that it brings,
//! tower-otel-http-metrics into OpenTelemetry's SDK with a periodic reader.

mod calls;
mod paired;

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response as AxumResponse;
use axum::routing::get;
use axum_prometheus::PrometheusMetricLayer;
use bytes::Bytes;
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::SystemClock;
use endpoint_stats_core::middleware::{
    CallerHasher, CallerKey, EndpointStatsLayer, IdentifyEndpoint, PeerAddress, RequestHead,
};
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use tower::Layer;
use tower::layer::util::Identity;
use tower::util::MapResponseLayer;
use tower_otel_http_metrics::{HTTPMetricsLayer, HTTPMetricsLayerBuilder};

use self::calls::{calls, hello};
use self::paired::{Table, Variant};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

const CALLERS: usize = 4_096;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime for axum-prometheus, which tidies up its histograms on it");
    let _entered = runtime.enter();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(Discard).build();
    let otel =
        HTTPMetricsLayerBuilder::builder().with_meter(meters.meter("bench")).build().expect("a meter is all it needs");
    let (prometheus, _handle) = PrometheusMetricLayer::pair();

    for threads in [1, 2] {
        tower_table(threads, &otel).run();
    }
    for threads in [1, 2] {
        axum_table(threads, &otel, &prometheus).run();
    }
    callers_table().run();
}

fn tower_table(threads: usize, otel: &HTTPMetricsLayer) -> Table {
    let request = || Request::new(());
    let variants = vec![
        Variant::new("bare", calls(hello(), request)),
        Variant::new("endpoint-stats", calls(constant_route().layer(hello()), request)).ours(),
        Variant::new("tower-otel-http-metrics", calls(otel.layer(hello()), request)),
    ];
    Table::new("tower", threads, variants)
}

fn axum_table(threads: usize, otel: &HTTPMetricsLayer, prometheus: &PrometheusMetricLayer<'static>) -> Table {
    let uri = Uri::from_static("/users/7");
    let request = move || {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        request
    };
    let ours = EndpointStatsLayer::for_axum(aggregator());
    let wrap: fn(AxumResponse) -> Response<Wrapped> = |response| response.map(Wrapped);
    let routers = [
        ("bare", router()),
        ("a layer that does nothing", router().layer(Identity::new())),
        ("a layer that only wraps the body", router().layer(MapResponseLayer::new(wrap))),
        ("endpoint-stats", router().layer(ours)),
        ("axum-prometheus", router().layer(prometheus.clone())),
        ("tower-otel-http-metrics", router().layer(otel.clone())),
    ];
    let variants = routers.map(|(name, router)| {
        let variant = Variant::new(name, calls(router.with_state::<()>(()), request.clone()));
        if name == "endpoint-stats" { variant.ours() } else { variant }
    });
    Table::new("axum", threads, variants.into())
}

fn callers_table() -> Table {
    let hasher = CallerHasher::random(&SystemClock).expect("the system has random numbers");
    let hasher = Arc::new(hasher);
    let by_address = constant_route().with_callers(CallerKey::peer_address(), Arc::clone(&hasher));
    let by_key = constant_route().with_callers(CallerKey::header(API_KEY), hasher);
    let consumers = constant_route().with_consumers(|request| {
        let key = request.headers().get(API_KEY)?;
        Some(Cow::Borrowed(if key.as_bytes().last()? % 2 == 0 { "even" } else { "odd" }))
    });
    let variants = vec![
        Variant::new("endpoint-stats, callers not counted", calls(constant_route().layer(hello()), callers())),
        Variant::new("callers by peer address", calls(by_address.layer(hello()), callers())),
        Variant::new("callers by header", calls(by_key.layer(hello()), callers())),
        Variant::new("two consumers", calls(consumers.layer(hello()), callers())),
    ];
    Table::new("callers", 1, variants)
}

// === the services ===

fn router() -> Router {
    Router::new()
        .route("/", get(async || "Hello, World!"))
        .route("/health", get(async || "ok"))
        .route("/users", get(async || "Ada, Grace"))
        .route("/users/{id}", get(async || "Hello, World!"))
}

fn aggregator() -> Aggregator {
    let service = ServiceName::new("bench").expect("lower-case letters");
    Aggregator::new(service, Limits::default())
}

fn constant_route() -> EndpointStatsLayer<Aggregator, impl IdentifyEndpoint + use<>> {
    EndpointStatsLayer::from_fn(aggregator(), |_: &RequestHead<'_>| Some(Cow::Borrowed("/users/{id}")))
}

// === the requests ===

/// Makes requests of different callers, each with a peer address and an API key.
fn callers() -> impl Fn() -> Request<()> + Clone + Sync {
    let keys: Arc<[HeaderValue]> = (0..CALLERS)
        .map(|caller| {
            let key: &'static str = Box::leak(format!("key-{caller:012}").into_boxed_str());
            HeaderValue::from_static(key)
        })
        .collect();
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    move || {
        let caller = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % CALLERS;
        let [a, b, ..] = caller.to_le_bytes();
        let address = SocketAddr::from((Ipv4Addr::new(192, 0, a, b), 4_711));
        let mut request = Request::new(());
        request.headers_mut().insert(API_KEY, keys[caller].clone());
        request.extensions_mut().insert(PeerAddress(address));
        request
    }
}

// === what is measured against ===

/// A body in another type, which is the least that a layer that watches bodies does.
struct Wrapped(Body);

impl HttpBody for Wrapped {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// Takes what OpenTelemetry's SDK collected once a minute, and does nothing with it.
struct Discard;

impl PushMetricExporter for Discard {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
