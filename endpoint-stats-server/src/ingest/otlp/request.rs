//! [`Export`]: the streams of one request, with what is counted of them.

use std::collections::{BTreeMap, HashSet};

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::store::WriterId;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
};
use prost::Message;

use super::attributes;
use super::durations::Unit;
use super::state::PointKey;
use super::stream::{Meaning, Point, Stream};
use super::total::Total;
use crate::access::Principal;
use crate::api_error::ApiError;

const DURATION: &str = "http.server.request.duration";
const REQUEST_SIZE: &str = "http.server.request.body.size";
const RESPONSE_SIZE: &str = "http.server.response.body.size";

const STREAM_DOMAIN: &str = "endpoint-stats 2026 otlp stream v1";
const POINT_DOMAIN: &str = "endpoint-stats 2026 otlp point v1";

/// A point that says of itself that it has no value.
const NO_RECORDED_VALUE: u32 = 1;

/// The streams of one request, and the points that cannot be counted.
#[derive(Debug, Default)]
pub(super) struct Export {
    streams: BTreeMap<WriterId, Vec<Point>>,
    pub(super) rejected: Rejected,
    /// Metrics that say nothing of endpoints.
    pub(super) ignored: u64,
}

/// Points that were not counted: how many, and why the first of them.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    pub(super) points: u64,
    pub(super) why: String,
}

/// A metric that is counted.
struct Counted<'a> {
    name: &'a str,
    unit: &'a str,
    what: What,
    service: &'a ServiceName,
}

#[derive(Clone, Copy)]
enum What {
    Durations,
    /// Those of before, which are in milliseconds unless they say otherwise.
    OldDurations,
    RequestBytes,
    OldRequestBytes,
    ResponseBytes,
    OldResponseBytes,
}

/// What both kinds of histogram points have.
struct Head<'a> {
    attributes: &'a [KeyValue],
    start: u64,
    time: u64,
    flags: u32,
    bounds: &'a [f64],
    temporality: i32,
}

// === impl Export ===

impl Export {
    /// Takes a request apart.
    ///
    /// # Errors
    ///
    /// 403 when the principal is not bound to a service of it.
    pub(super) fn of(request: &ExportMetricsServiceRequest, principal: &Principal) -> Result<Self, ApiError> {
        let mut export = Self::default();
        for resource_metrics in &request.resource_metrics {
            let resource = resource_metrics.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
            let service = attributes::service(resource);
            principal.need_service(&service)?;
            for scope_metrics in &resource_metrics.scope_metrics {
                let writer = writer(principal, resource, scope_metrics.scope.as_ref());
                let names: HashSet<_> = scope_metrics.metrics.iter().map(|metric| metric.name.as_str()).collect();
                for metric in &scope_metrics.metrics {
                    match What::of(&metric.name).filter(|what| !what.is_told_anew(&names)) {
                        Some(what) => export.add(writer, &service, metric, what),
                        None => export.ignored += 1,
                    }
                }
            }
        }
        Ok(export)
    }

    pub(super) fn take_streams(&mut self) -> Vec<Stream> {
        let streams = std::mem::take(&mut self.streams);
        streams.into_iter().map(|(writer, points)| Stream { writer, points }).collect()
    }

    fn add(&mut self, writer: WriterId, service: &ServiceName, metric: &Metric, what: What) {
        let counted = Counted { name: &metric.name, unit: &metric.unit, what, service };
        match &metric.data {
            Some(Data::Histogram(histogram)) => {
                for point in &histogram.data_points {
                    let head = Head::of_explicit(point, histogram.aggregation_temporality);
                    self.add_point(writer, counted.point(&head, || Total::of_explicit(point)));
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                for point in &histogram.data_points {
                    let head = Head::of_exponential(point, histogram.aggregation_temporality);
                    self.add_point(writer, counted.point(&head, || Total::of_exponential(point)));
                }
            }
            _ => self.rejected.add(1, || format!("{} is no histogram", counted.name)),
        }
    }

    fn add_point(&mut self, writer: WriterId, point: Result<Option<Point>, String>) {
        match point {
            Ok(Some(point)) => self.streams.entry(writer).or_default().push(point),
            Ok(None) => {}
            Err(why) => self.rejected.add(1, || why),
        }
    }
}

// === impl Rejected ===

impl Rejected {
    pub(super) fn add(&mut self, points: u64, why: impl FnOnce() -> String) {
        if points > 0 && self.points == 0 {
            self.why = why();
        }
        self.points += points;
    }
}

// === impl Counted ===

impl Counted<'_> {
    /// A point that is counted; `None` when it has no value.
    fn point(
        &self,
        head: &Head<'_>,
        total: impl FnOnce() -> Result<Total, &'static str>,
    ) -> Result<Option<Point>, String> {
        if head.flags & NO_RECORDED_VALUE != 0 {
            return Ok(None);
        }
        let refused = |why| format!("a point of {} was rejected: {why}", self.name);
        let is_cumulative = head.is_cumulative().map_err(refused)?;
        let total = total().map_err(refused)?;
        Ok(Some(Point {
            key: head.key(self.name),
            endpoint: attributes::endpoint(self.service, head.attributes),
            start: head.start,
            time: head.time,
            is_cumulative,
            total,
            meaning: self.meaning(head).map_err(refused)?,
        }))
    }

    fn meaning(&self, head: &Head<'_>) -> Result<Meaning, &'static str> {
        let default = match self.what {
            What::Durations => "s",
            What::OldDurations => "ms",
            What::RequestBytes | What::OldRequestBytes => return Ok(Meaning::RequestBytes),
            What::ResponseBytes | What::OldResponseBytes => return Ok(Meaning::ResponseBytes),
        };
        let unit = Unit::of(if self.unit.is_empty() { default } else { self.unit });
        let unit = unit.ok_or("its unit is neither s nor ms")?;
        Ok(Meaning::Requests { outcome: attributes::outcome(head.attributes), bounds: head.bounds.to_vec(), unit })
    }
}

// === impl What ===

impl What {
    /// What a metric tells, by the names of today and of before; `None` of those that say nothing of endpoints.
    fn of(metric: &str) -> Option<Self> {
        match metric {
            DURATION => Some(Self::Durations),
            "http.server.duration" => Some(Self::OldDurations),
            REQUEST_SIZE => Some(Self::RequestBytes),
            "http.server.request.size" => Some(Self::OldRequestBytes),
            RESPONSE_SIZE => Some(Self::ResponseBytes),
            "http.server.response.size" => Some(Self::OldResponseBytes),
            _ => None,
        }
    }

    /// Whether another metric tells the same by today's name: services that change over send both.
    fn is_told_anew(self, names: &HashSet<&str>) -> bool {
        match self {
            Self::OldDurations => names.contains(DURATION),
            Self::OldRequestBytes => names.contains(REQUEST_SIZE),
            Self::OldResponseBytes => names.contains(RESPONSE_SIZE),
            Self::Durations | Self::RequestBytes | Self::ResponseBytes => false,
        }
    }
}

// === impl Head ===

impl<'a> Head<'a> {
    fn of_explicit(point: &'a HistogramDataPoint, temporality: i32) -> Self {
        let HistogramDataPoint { attributes, explicit_bounds: bounds, flags, .. } = point;
        let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
        Self { attributes, start, time, flags: *flags, bounds, temporality }
    }

    fn of_exponential(point: &'a ExponentialHistogramDataPoint, temporality: i32) -> Self {
        let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
        Self { attributes: &point.attributes, start, time, flags: point.flags, bounds: &[], temporality }
    }

    fn is_cumulative(&self) -> Result<bool, &'static str> {
        match AggregationTemporality::try_from(self.temporality) {
            Ok(AggregationTemporality::Cumulative) => Ok(true),
            Ok(AggregationTemporality::Delta) => Ok(false),
            _ => Err("its temporality is neither delta nor cumulative"),
        }
    }

    /// Another one when the point starts anew, and when its buckets are others.
    fn key(&self, metric: &str) -> PointKey {
        let mut hasher = Hasher::new(POINT_DOMAIN);
        hasher.bytes(metric.as_bytes());
        hasher.attributes(self.attributes);
        hasher.bytes(&self.start.to_le_bytes());
        for bound in self.bounds {
            hasher.bytes(&bound.to_le_bytes());
        }
        hasher.finish()
    }
}

/// The writer of a stream, the same one after every restart on either side.
fn writer(principal: &Principal, resource: &[KeyValue], scope: Option<&InstrumentationScope>) -> WriterId {
    let mut hasher = Hasher::new(STREAM_DOMAIN);
    hasher.bytes(principal.name().as_bytes());
    hasher.attributes(resource);
    if let Some(scope) = scope {
        hasher.bytes(scope.name.as_bytes());
        hasher.bytes(scope.version.as_bytes());
        hasher.attributes(&scope.attributes);
    }
    WriterId::from_hash(hasher.finish())
}

/// Hashes fields, each with its length, so that no two lists of them read the same.
struct Hasher(blake3::Hasher);

// === impl Hasher ===

impl Hasher {
    fn new(domain: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(domain))
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }

    /// Attributes have no order.
    fn attributes(&mut self, attributes: &[KeyValue]) {
        let mut encoded: Vec<_> = attributes.iter().map(Message::encode_to_vec).collect();
        encoded.sort_unstable();
        self.bytes(&(encoded.len() as u64).to_le_bytes());
        for attribute in &encoded {
            self.bytes(attribute);
        }
    }

    fn finish(&self) -> [u8; 16] {
        let mut hash = [0; 16];
        self.0.finalize_xof().fill(&mut hash);
        hash
    }
}
