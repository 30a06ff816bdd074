//! `POST /v1/metrics`: what exporters send is counted once.

mod bad_input;
mod counting;
mod exporter;
mod once;
mod status;

use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, Metric,
    ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::takers::{Answer, NOON, Taker};

const DELTA: AggregationTemporality = AggregationTemporality::Delta;
const CUMULATIVE: AggregationTemporality = AggregationTemporality::Cumulative;
const DURATION: &str = "http.server.request.duration";
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn nanos(secs: i64) -> u64 {
    u64::try_from(secs).unwrap() * 1_000_000_000
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn number(key: &str, value: i64) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::IntValue(value)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// The attributes of requests to `GET /users/{id}` that were answered with 200.
fn users() -> Vec<KeyValue> {
    vec![
        text("http.request.method", "GET"),
        text("http.route", "/users/{id}"),
        number("http.response.status_code", 200),
    ]
}

/// Durations up to 0.1 s, 1 s, 10 s, and longer.
fn explicit(counts: [u64; 4]) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: users(),
        start_time_unix_nano: nanos(NOON - 100),
        time_unix_nano: nanos(NOON),
        count: counts.iter().sum(),
        sum: Some(1.0),
        bucket_counts: counts.to_vec(),
        explicit_bounds: vec![0.1, 1.0, 10.0],
        ..HistogramDataPoint::default()
    }
}

fn exponential(scale: i32, offset: i32, counts: &[u64]) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes: users(),
        start_time_unix_nano: nanos(NOON - 100),
        time_unix_nano: nanos(NOON),
        count: counts.iter().sum(),
        scale,
        positive: Some(Buckets { offset, bucket_counts: counts.to_vec() }),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn histogram(name: &str, unit: &str, temporality: AggregationTemporality, points: Vec<HistogramDataPoint>) -> Metric {
    let data = Histogram { data_points: points, aggregation_temporality: temporality.into() };
    Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(Data::Histogram(data)), ..Metric::default() }
}

fn exponential_histogram(temporality: AggregationTemporality, points: Vec<ExponentialHistogramDataPoint>) -> Metric {
    let data = ExponentialHistogram { data_points: points, aggregation_temporality: temporality.into() };
    let (name, unit) = (DURATION.to_owned(), "s".to_owned());
    Metric { name, unit, data: Some(Data::ExponentialHistogram(data)), ..Metric::default() }
}

/// What a service exports.
fn export(service: &str, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let resource = Some(Resource { attributes: vec![text("service.name", service)], ..Resource::default() });
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

/// Exports one point with explicit bounds of the service `shop`.
fn one(temporality: AggregationTemporality, point: HistogramDataPoint) -> ExportMetricsServiceRequest {
    export("shop", vec![histogram(DURATION, "s", temporality, vec![point])])
}

/// Requests of all kinds that are counted, by name.
pub(crate) fn all_kinds() -> [(&'static str, ExportMetricsServiceRequest); 4] {
    let sizes = histogram("http.server.request.body.size", "By", CUMULATIVE, vec![explicit([1, 2, 3, 4])]);
    let older = histogram("http.server.duration", "ms", CUMULATIVE, vec![explicit([4, 3, 2, 1])]);
    [
        ("explicit_cumulative", one(CUMULATIVE, explicit([1, 2, 3, 4]))),
        ("explicit_delta", one(DELTA, explicit([0, 2, 0, 1]))),
        ("exponential", export("shop", vec![exponential_histogram(DELTA, vec![exponential(3, -20, &[1, 0, 2])])])),
        ("several_metrics", export("cart", vec![sizes, older])),
    ]
}

async fn send(taker: &Taker, request: &ExportMetricsServiceRequest) -> Answer {
    taker.post("/v1/metrics", &[PROTOBUF], request.encode_to_vec()).await
}

/// Sends a request that is taken whole.
async fn accept(taker: &Taker, request: &ExportMetricsServiceRequest) {
    let answer = send(taker, request).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(ExportMetricsServiceResponse::decode(&answer.body[..]).unwrap().partial_success, None);
}
