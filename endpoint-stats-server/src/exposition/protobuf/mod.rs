//! Metrics as Prometheus' protobuf: messages of `io.prometheus.client`, each after its length.
//!
//! Latencies of endpoints are native histograms of schema 5, whose buckets are those of the sketch, and classic ones beside that.

mod messages;

use endpoint_stats_core::telemetry::{Description, EndpointMetric, EndpointTotal, Kind, LATENCY_BOUNDS};
use prost::Message;

use self::messages::{Bucket, BucketSpan, Histogram, LabelPair, Metric, MetricFamily, MetricType, Value};
use super::family::{Family, Sample};

/// Two to the power of so much is the number of buckets in a factor of two: 32, as in the sketch.
const SCHEMA: i32 = 5;

/// Prometheus' own default; a latency of zero is in the sketch's first bucket, and never here.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// Writes what the facade collected, and what each endpoint counted.
pub(super) fn encode(facade: &[Family], totals: &[EndpointTotal]) -> Vec<u8> {
    let facade = facade.iter().map(MetricFamily::of_the_facade);
    let endpoints = EndpointMetric::ALL.into_iter().map(|metric| MetricFamily::of_endpoints(metric, totals));
    let mut bytes = Vec::new();
    for family in facade.chain(endpoints).filter(|family| !family.metric.is_empty()) {
        family.encode_length_delimited(&mut bytes).expect("a vector takes what is written to it");
    }
    bytes
}

// === impl MetricFamily ===

impl MetricFamily {
    fn new(name: &str, help: &str, kind: MetricType, metric: Vec<Metric>) -> Self {
        Self { name: Some(name.to_owned()), help: Some(help.to_owned()), r#type: Some(kind.into()), metric }
    }

    fn of_the_facade(family: &Family) -> Self {
        let (kind, metric) = match family.kind.as_str() {
            "counter" => (MetricType::Counter, family.samples.iter().map(Metric::counter_of).collect()),
            "histogram" => (MetricType::Histogram, histograms_of(family)),
            _ => (MetricType::Gauge, family.samples.iter().map(Metric::gauge_of).collect()),
        };
        Self::new(&family.name, &family.help, kind, metric)
    }

    fn of_endpoints(metric: EndpointMetric, totals: &[EndpointTotal]) -> Self {
        let Description { name, kind, help, .. } = metric.description();
        let kind = if kind == Kind::Histogram { MetricType::Histogram } else { MetricType::Counter };
        Self::new(name, help, kind, totals.iter().flat_map(|total| Metric::of_endpoint(metric, total)).collect())
    }
}

/// The histograms of a family: one for each set of labels, whose lines follow each other.
fn histograms_of(family: &Family) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for sample in &family.samples {
        let label = labels_of(sample);
        if metrics.last().is_none_or(|metric| metric.label != label) {
            metrics.push(Metric { label, histogram: Some(Histogram::default()), ..Metric::default() });
        }
        if let Some(histogram) = metrics.last_mut().and_then(|metric| metric.histogram.as_mut()) {
            histogram.note(sample, &family.name);
        }
    }
    metrics
}

/// The labels of a series; a bound is none of them.
fn labels_of(sample: &Sample) -> Vec<LabelPair> {
    let labels = sample.labels.iter().filter(|(name, _)| name != "le");
    labels.map(|(name, value)| LabelPair::new(name, value)).collect()
}

// === impl Metric ===

impl Metric {
    fn counter_of(sample: &Sample) -> Self {
        Self { label: labels_of(sample), counter: Some(Value { value: Some(sample.value) }), ..Self::default() }
    }

    fn gauge_of(sample: &Sample) -> Self {
        Self { label: labels_of(sample), gauge: Some(Value { value: Some(sample.value) }), ..Self::default() }
    }

    /// What a metric says of an endpoint.
    fn of_endpoint(metric: EndpointMetric, total: &EndpointTotal) -> Vec<Self> {
        let endpoint = &total.endpoint;
        let label = vec![
            LabelPair::new("service", endpoint.service().as_str()),
            LabelPair::new("method", endpoint.method().as_str()),
            LabelPair::new("route", endpoint.route().as_str()),
        ];
        let counter =
            |label, value: u64| Self { label, counter: Some(Value { value: Some(value as f64) }), ..Self::default() };
        match metric {
            EndpointMetric::Latency => {
                vec![Self { label, histogram: Some(Histogram::of(total)), ..Self::default() }]
            }
            EndpointMetric::RequestBytes => vec![counter(label, total.request_bytes)],
            EndpointMetric::ResponseBytes => vec![counter(label, total.response_bytes)],
            EndpointMetric::Hits => total
                .outcomes
                .iter()
                .map(|(outcome, hits)| {
                    let mut label = label.clone();
                    label.push(LabelPair::new("outcome", &outcome.to_string()));
                    counter(label, hits)
                })
                .collect(),
        }
    }
}

// === impl LabelPair ===

impl LabelPair {
    fn new(name: &str, value: &str) -> Self {
        Self { name: Some(name.to_owned()), value: Some(value.to_owned()) }
    }
}

// === impl Histogram ===

impl Histogram {
    /// Takes in a line of a classic histogram.
    fn note(&mut self, sample: &Sample, family: &str) {
        match sample.name.strip_prefix(family) {
            Some("_sum") => self.sample_sum = Some(sample.value),
            Some("_count") => self.sample_count = Some(whole(sample.value)),
            _ => self.bucket.push(Bucket {
                cumulative_count: Some(whole(sample.value)),
                upper_bound: sample.label("le").and_then(|bound| bound.parse().ok()),
            }),
        }
    }

    fn of(total: &EndpointTotal) -> Self {
        let latency = &total.latency;
        let bounds = LATENCY_BOUNDS.into_iter().zip(latency.counts_up_to(&LATENCY_BOUNDS));
        let bounds = bounds.chain([(f64::INFINITY, latency.count())]);
        let (positive_span, positive_delta) = native(latency.buckets());
        Self {
            sample_count: Some(latency.count()),
            sample_sum: Some(latency.sum_secs()),
            bucket: bounds
                .map(|(bound, count)| Bucket { cumulative_count: Some(count), upper_bound: Some(bound) })
                .collect(),
            schema: Some(SCHEMA),
            zero_threshold: Some(ZERO_THRESHOLD),
            zero_count: Some(0),
            positive_span,
            positive_delta,
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, written as a number")]
fn whole(value: f64) -> u64 {
    value as u64
}

/// Spans and differences of buckets, ascending.
///
/// A bucket of OpenTelemetry's is named by its lower bound and one of Prometheus' by its upper one. Without a bucket there
/// is an empty span, which tells a native histogram from a classic one.
fn native(buckets: impl Iterator<Item = (i32, u64)>) -> (Vec<BucketSpan>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::<(i32, u32)>::new(), Vec::new());
    let (mut next, mut before) = (0, 0);
    for (index, count) in buckets {
        let (index, count) = (index + 1, count.cast_signed());
        match spans.last_mut() {
            Some((_, length)) if index == next => *length += 1,
            _ => spans.push((index - next, 1)),
        }
        deltas.push(count - before);
        (next, before) = (index + 1, count);
    }
    if spans.is_empty() {
        spans.push((0, 0));
    }
    let span = |(offset, length)| BucketSpan { offset: Some(offset), length: Some(length) };
    (spans.into_iter().map(span).collect(), deltas)
}

#[cfg(test)]
mod tests {
    use super::super::family;
    use super::*;

    fn decoded(mut bytes: &[u8]) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        while !bytes.is_empty() {
            families.push(MetricFamily::decode_length_delimited(&mut bytes).unwrap());
        }
        families
    }

    #[test]
    fn spans_and_differences_are_prometheus() {
        let (spans, deltas) = native([(-5, 3), (-4, 1), (7, 9)].into_iter());

        let spans: Vec<_> = spans.iter().map(|span| (span.offset.unwrap(), span.length.unwrap())).collect();
        assert_eq!(spans, [(-4, 2), (10, 1)]);
        assert_eq!(deltas, [3, -2, 8]);
    }

    #[test]
    fn nothing_measured_is_a_native_histogram_too() {
        let (spans, deltas) = native(std::iter::empty());

        assert_eq!((spans.len(), spans[0].length, deltas.len()), (1, Some(0), 0));
    }

    #[test]
    fn text_and_protobuf_say_the_same() {
        let text = "# HELP a_total As\n# TYPE a_total counter\na_total{b=\"c\"} 3\n\n# TYPE d gauge\nd -0.5\n\
                    # TYPE e_seconds histogram\ne_seconds_bucket{f=\"1\",le=\"0.5\"} 1\n\
                    e_seconds_bucket{f=\"1\",le=\"+Inf\"} 2\ne_seconds_sum{f=\"1\"} 3.5\ne_seconds_count{f=\"1\"} 2\n\
                    e_seconds_bucket{f=\"2\",le=\"+Inf\"} 4\ne_seconds_sum{f=\"2\"} 8\ne_seconds_count{f=\"2\"} 4\n";

        let families = decoded(&encode(&family::parse(text), &[]));

        assert_eq!(families.iter().map(MetricFamily::name).collect::<Vec<_>>(), ["a_total", "d", "e_seconds"]);
        assert_eq!(families[0].help(), "As");
        assert_eq!(families[0].metric[0].label, [LabelPair::new("b", "c")]);
        assert_eq!(families[0].metric[0].counter, Some(Value { value: Some(3.0) }));
        assert_eq!(families[1].metric[0].gauge, Some(Value { value: Some(-0.5) }));
        let histograms: Vec<_> = families[2].metric.iter().map(|metric| metric.histogram.as_ref().unwrap()).collect();
        assert_eq!(histograms.iter().map(|it| it.sample_count()).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(histograms.iter().map(|it| it.sample_sum()).collect::<Vec<_>>(), [3.5, 8.0]);
        let bounds: Vec<_> = histograms[0].bucket.iter().map(|it| (it.upper_bound(), it.cumulative_count())).collect();
        assert_eq!(bounds, [(0.5, 1), (f64::INFINITY, 2)]);
    }
}
