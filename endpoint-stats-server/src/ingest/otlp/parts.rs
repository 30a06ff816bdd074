//! [`are_few`]: whether a request has no more parts than memory holds, told before it is taken apart.
//!
//! An empty data point is two bytes of protobuf, and more than a hundred bytes of memory.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// More than 8 MiB of metrics have.
const MAX_PARTS: usize = 400_000;

/// No request nests deeper, for no decoder follows it there.
const MAX_DEPTH: usize = 100;

/// The fields of a message that hold messages.
struct Shape(&'static [Field]);

struct Field {
    number: u32,
    is_repeated: bool,
    shape: &'static Shape,
}

static REQUEST: Shape = Shape(&[many(1, &RESOURCE_METRICS)]);
static RESOURCE_METRICS: Shape = Shape(&[one(1, &RESOURCE), many(2, &SCOPE_METRICS)]);
static RESOURCE: Shape = Shape(&[many(1, &ATTRIBUTE), many(3, &ENTITY)]);
static ENTITY: Shape = Shape(&[many(3, &TEXT), many(4, &TEXT)]);
static SCOPE_METRICS: Shape = Shape(&[one(1, &SCOPE), many(2, &METRIC)]);
static SCOPE: Shape = Shape(&[many(3, &ATTRIBUTE)]);
static METRIC: Shape = Shape(&[
    one(5, &NUMBERS),
    one(7, &NUMBERS),
    one(9, &HISTOGRAM),
    one(10, &EXPONENTIAL_HISTOGRAM),
    one(11, &SUMMARY),
    many(12, &ATTRIBUTE),
]);
static NUMBERS: Shape = Shape(&[many(1, &NUMBER_POINT)]);
static NUMBER_POINT: Shape = Shape(&[many(5, &EXEMPLAR), many(7, &ATTRIBUTE)]);
static HISTOGRAM: Shape = Shape(&[many(1, &HISTOGRAM_POINT)]);
static HISTOGRAM_POINT: Shape = Shape(&[many(8, &EXEMPLAR), many(9, &ATTRIBUTE)]);
static EXPONENTIAL_HISTOGRAM: Shape = Shape(&[many(1, &EXPONENTIAL_POINT)]);
static EXPONENTIAL_POINT: Shape = Shape(&[many(1, &ATTRIBUTE), many(11, &EXEMPLAR)]);
static SUMMARY: Shape = Shape(&[many(1, &SUMMARY_POINT)]);
static SUMMARY_POINT: Shape = Shape(&[many(6, &QUANTILE), many(7, &ATTRIBUTE)]);
static QUANTILE: Shape = Shape(&[]);
static EXEMPLAR: Shape = Shape(&[many(7, &ATTRIBUTE)]);
static ATTRIBUTE: Shape = Shape(&[one(2, &VALUE)]);
static VALUE: Shape = Shape(&[one(5, &VALUES), one(6, &ATTRIBUTES)]);
static VALUES: Shape = Shape(&[many(1, &VALUE)]);
static ATTRIBUTES: Shape = Shape(&[many(1, &ATTRIBUTE)]);
static TEXT: Shape = Shape(&[]);

const fn one(number: u32, shape: &'static Shape) -> Field {
    Field { number, is_repeated: false, shape }
}

const fn many(number: u32, shape: &'static Shape) -> Field {
    Field { number, is_repeated: true, shape }
}

/// Whether a request in protobuf has few enough parts; one that is none has those that a decoder finds.
pub(super) fn are_few(protobuf: &[u8]) -> bool {
    let mut left = MAX_PARTS;
    REQUEST.count(protobuf, MAX_DEPTH, &mut left).is_some()
}

/// The same of a request in JSON, where each part is an object.
pub(super) fn are_few_in_json(json: &[u8]) -> bool {
    memchr::memchr_iter(b'{', json).nth(MAX_PARTS).is_none()
}

// === impl Shape ===

impl Shape {
    /// Takes the parts of a message from those that are left; `None` when there are too many.
    fn count(&self, mut bytes: &[u8], depth: usize, left: &mut usize) -> Option<()> {
        while let Some((number, content)) = next_field(&mut bytes) {
            let Some(field) = self.0.iter().find(|field| field.number == number) else { continue };
            *left = left.checked_sub(usize::from(field.is_repeated))?;
            if let Some(depth) = depth.checked_sub(1) {
                field.shape.count(content, depth, left)?;
            }
        }
        Some(())
    }
}

/// The next field that may be a message; `None` at the end, and where a decoder stops too.
fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    while bytes.has_remaining() {
        let (number, kind) = decode_key(bytes).ok()?;
        if kind == WireType::LengthDelimited {
            let length = usize::try_from(decode_varint(bytes).ok()?).ok()?;
            let (content, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            return Some((number, content));
        }
        skip_field(kind, number, bytes, DecodeContext::default()).ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue};
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
        summary_data_point::ValueAtQuantile,
    };
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use prost::Message;

    use super::*;

    /// Twice a message without content.
    fn two<T: Clone + Default>() -> Vec<T> {
        vec![T::default(); 2]
    }

    fn parts(request: &ExportMetricsServiceRequest) -> usize {
        let mut left = usize::MAX;
        REQUEST.count(&request.encode_to_vec(), MAX_DEPTH, &mut left).unwrap();
        usize::MAX - left
    }

    fn of_resource(resource_metrics: ResourceMetrics) -> usize {
        parts(&ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] })
    }

    fn of_metric(data: Data) -> usize {
        let metric = Metric { data: Some(data), ..Metric::default() };
        let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
        // The resource, the scope and the metric are parts too.
        of_resource(ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }) - 3
    }

    #[test]
    fn what_repeats_is_a_part() {
        let array = Value::ArrayValue(ArrayValue { values: two() });
        let attributes = vec![KeyValue { value: Some(AnyValue { value: Some(array) }), ..KeyValue::default() }];
        let entity = EntityRef { id_keys: two(), description_keys: two(), ..EntityRef::default() };
        let resource = Resource { attributes, entity_refs: vec![entity], ..Resource::default() };
        let scope = InstrumentationScope { attributes: two(), ..InstrumentationScope::default() };
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics: two(), ..ScopeMetrics::default() }];

        let found =
            of_resource(ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() });

        let in_resource = 1 + 2 + 1 + 4;
        let in_scope = 2 + 2;
        assert_eq!(found, 1 + in_resource + 1 + in_scope);
    }

    #[test]
    fn points_of_each_kind_are_parts_with_all_they_hold() {
        let exemplars = vec![Exemplar { filtered_attributes: two(), ..Exemplar::default() }];
        let number = NumberDataPoint { attributes: two(), exemplars: exemplars.clone(), ..NumberDataPoint::default() };
        let explicit =
            HistogramDataPoint { attributes: two(), exemplars: exemplars.clone(), ..HistogramDataPoint::default() };
        let exponential =
            ExponentialHistogramDataPoint { attributes: two(), exemplars, ..ExponentialHistogramDataPoint::default() };
        let quantile_values: Vec<ValueAtQuantile> = two();
        let summary = SummaryDataPoint { attributes: two(), quantile_values, ..SummaryDataPoint::default() };

        let kinds = [
            (Data::Gauge(Gauge { data_points: vec![number.clone()] }), 6),
            (Data::Sum(Sum { data_points: vec![number], ..Sum::default() }), 6),
            (Data::Histogram(Histogram { data_points: vec![explicit], ..Histogram::default() }), 6),
            (
                Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: vec![exponential],
                    ..ExponentialHistogram::default()
                }),
                6,
            ),
            (Data::Summary(Summary { data_points: vec![summary] }), 5),
        ];
        for (data, expected) in kinds {
            assert_eq!(of_metric(data.clone()), expected, "{data:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_nests_without_end_is_left_to_the_decoder() {
        assert!(are_few(&[0x0a]));
        assert!(are_few(&[0x0a, 0xff, 0xff]));
        assert!(are_few(&[0x0b; 10_000]));
        let mut nested = Vec::new();
        for _ in 0..1_000 {
            let value = [&[0x0a][..], &prost_length(&nested), &nested].concat();
            nested = [&[0x2a][..], &prost_length(&value), &value].concat();
        }
        assert!(VALUE.count(&nested, MAX_DEPTH, &mut MAX_PARTS.clone()).is_some());
    }

    fn prost_length(bytes: &[u8]) -> Vec<u8> {
        let mut length = Vec::new();
        prost::encoding::encode_varint(bytes.len() as u64, &mut length);
        length
    }
}
