//! What a point says is what is counted.

use std::time::Duration;

use endpoint_stats_core::Outcome;
use endpoint_stats_core::sketch::LatencySketch;
use endpoint_stats_core::window::Timestamp;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, HistogramDataPoint, Metric};
use prost::Message;
use serde_json::json;

use super::{
    CUMULATIVE, DELTA, DURATION, PROTOBUF, accept, explicit, exponential, exponential_histogram, export, histogram,
    nanos, number, one, send, text, users,
};
use crate::takers::{NOON, Taker, gzip};

#[tokio::test]
async fn a_point_counts_its_requests_their_outcome_and_their_durations() {
    let taker = Taker::new().await;

    accept(&taker, &one(DELTA, explicit([1, 2, 3, 4]))).await;

    let found = taker.endpoint("shop GET /users/{id}").await.summary;
    assert_eq!(found.counts.outcomes.of(Outcome::Status(200)), 10);
    assert_eq!(found.last_at, Some(Timestamp::from_unix(NOON)));
    let durations = &found.counts.duration;
    assert_eq!(durations.count(), 10);
    for (q, expected) in [(0.1, 0.05), (0.3, 0.316), (0.6, 3.16), (1.0, 10.0)] {
        let found = durations.quantile(q).unwrap().as_secs_f64();
        assert!((found / expected - 1.0).abs() < 0.02, "{q}: {found} and not {expected}");
    }
    assert!(found.counts.latency.is_empty());
}

#[tokio::test]
async fn exponential_buckets_of_scale_5_and_finer_are_kept_exactly() {
    let mut sketch = LatencySketch::default();
    for ms in 1..500 {
        sketch.record(Duration::from_millis(ms));
    }
    let buckets: Vec<_> = sketch.buckets().collect();
    let (first, last) = (buckets[0].0, buckets.last().unwrap().0);
    let mut counts = vec![0; usize::try_from(last - first + 1).unwrap()];
    for (index, count) in &buckets {
        counts[usize::try_from(index - first).unwrap()] = *count;
    }
    // At scale 7 each bucket of scale 5 is four; all values are put in the third of them.
    let finer: Vec<_> = counts.iter().flat_map(|count| [0, 0, *count, 0]).collect();

    for point in [exponential(5, first, &counts), exponential(7, first * 4, &finer)] {
        let taker = Taker::new().await;
        accept(&taker, &export("shop", vec![exponential_histogram(DELTA, vec![point])])).await;

        assert_eq!(taker.report().await.totals.counts.duration, sketch);
    }
}

#[tokio::test]
async fn coarse_exponential_buckets_count_in_their_middle() {
    let taker = Taker::new().await;
    // Scale 0: the bucket (0.25, 0.5].
    let mut point = exponential(0, -2, &[8]);
    point.zero_count = 2;
    point.count += 2;

    accept(&taker, &export("shop", vec![exponential_histogram(DELTA, vec![point])])).await;

    let durations = taker.report().await.totals.counts.duration;
    assert_eq!(durations.count(), 10);
    assert!((0.34..0.37).contains(&durations.quantile(0.9).unwrap().as_secs_f64()));
    assert!(durations.quantile(0.1).unwrap() < Duration::from_nanos(2));
}

#[tokio::test]
async fn the_names_and_the_unit_of_before_are_read_too() {
    let taker = Taker::new().await;
    let attributes = vec![text("http.method", "POST"), text("http.route", "/orders"), number("http.status_code", 500)];
    let point =
        HistogramDataPoint { attributes, explicit_bounds: vec![100.0, 1_000.0, 10_000.0], ..explicit([0, 4, 0, 0]) };

    accept(&taker, &export("shop", vec![histogram("http.server.duration", "ms", DELTA, vec![point])])).await;

    let counts = taker.endpoint("shop POST /orders").await.summary.counts;
    assert_eq!(counts.outcomes.of(Outcome::Status(500)), 4);
    assert!((0.31..0.33).contains(&counts.duration.quantile(0.5).unwrap().as_secs_f64()));
}

#[tokio::test]
async fn what_the_attributes_do_not_say_has_a_key_too() {
    let taker = Taker::new().await;
    let with = |attributes| HistogramDataPoint { attributes, ..explicit([1, 0, 0, 0]) };
    let points = vec![
        with(vec![text("http.request.method", "GET"), text("error.type", "timeout")]),
        with(vec![text("http.request.method", "BREW"), text("http.route", &"a".repeat(600))]),
        with(vec![]),
    ];

    accept(&taker, &export("shop", vec![histogram(DURATION, "s", DELTA, points)])).await;

    let failed = taker.endpoint("shop GET _UNMATCHED").await.summary.counts;
    assert_eq!(failed.outcomes.of(Outcome::Failed), 1);
    assert_eq!(taker.endpoint("shop _OTHER _REFUSED").await.summary.counts.outcomes.of(Outcome::Aborted), 1);
    assert_eq!(taker.endpoint("shop _OTHER _UNMATCHED").await.summary.counts.hits(), 1);
}

#[tokio::test]
async fn a_service_name_is_made_a_valid_one() {
    let taker = Taker::new().await;

    for name in ["My Shop/API", &"Ü".repeat(100), ""] {
        let metrics = vec![histogram(DURATION, "s", DELTA, vec![explicit([1, 0, 0, 0])])];
        accept(&taker, &export(name, metrics)).await;
    }

    for name in ["my-shop-api", &"-".repeat(64), "unknown_service"] {
        assert_eq!(taker.endpoint(&format!("{name} GET /users/{{id}}")).await.summary.counts.hits(), 1);
    }
}

#[tokio::test]
async fn body_sizes_are_added_to_the_bytes() {
    let taker = Taker::new().await;
    let size = |name: &str, sum| {
        let point = HistogramDataPoint { attributes: users(), sum: Some(sum), ..explicit([2, 0, 0, 0]) };
        histogram(name, "By", CUMULATIVE, vec![point])
    };
    let request = |sum| {
        let metrics = ["http.server.request.body.size", "http.server.response.body.size"];
        export("shop", vec![size(metrics[0], sum), size(metrics[1], sum * 2.0)])
    };

    accept(&taker, &request(100.0)).await;
    accept(&taker, &request(150.0)).await;

    let counts = taker.endpoint("shop GET /users/{id}").await.summary.counts;
    assert_eq!((counts.hits(), counts.request_bytes, counts.response_bytes), (0, 150, 300));
}

#[tokio::test]
async fn other_metrics_are_taken_and_ignored() {
    let taker = Taker::new().await;
    let gauge = Metric { name: "cpu".to_owned(), data: Some(Data::Gauge(Gauge::default())), ..Metric::default() };
    let client = histogram("http.client.request.duration", "s", DELTA, vec![explicit([1, 0, 0, 0])]);

    accept(&taker, &export("shop", vec![gauge, client])).await;

    assert_eq!(taker.total().await, 0);
}

#[tokio::test]
async fn json_and_compressed_protobuf_are_read_too() {
    let taker = Taker::new().await;
    let request = json!({"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeMetrics": [{"scope": {"name": "test"}, "metrics": [{
            "name": DURATION, "unit": "s",
            "histogram": {"aggregationTemporality": 1, "dataPoints": [{
                "attributes": [
                    {"key": "http.request.method", "value": {"stringValue": "GET"}},
                    {"key": "http.route", "value": {"stringValue": "/users/{id}"}},
                    {"key": "http.response.status_code", "value": {"intValue": "200"}},
                ],
                "startTimeUnixNano": nanos(NOON - 10).to_string(), "timeUnixNano": nanos(NOON).to_string(),
                "count": "3", "sum": 0.5, "bucketCounts": ["1", "2"], "explicitBounds": [0.1],
            }]},
        }]}],
    }]});

    let answer = taker.post("/v1/metrics", &[("content-type", "application/json")], request.to_string()).await;
    let body = gzip(&one(DELTA, explicit([4, 0, 0, 0])).encode_to_vec());
    let compressed = taker.post("/v1/metrics", &[PROTOBUF, ("content-encoding", "gzip")], body).await;

    assert_eq!((answer.status, answer.json()), (200, json!({})));
    assert_eq!(compressed.status, 200);
    assert_eq!(compressed.headers["content-type"], "application/x-protobuf");
    assert_eq!(taker.endpoint("shop GET /users/{id}").await.summary.counts.hits(), 7);
}

#[tokio::test]
async fn a_point_without_a_value_or_an_impossible_time_harms_nothing() {
    let taker = Taker::new().await;
    let no_value = HistogramDataPoint { flags: 1, ..explicit([5, 0, 0, 0]) };
    let no_time = HistogramDataPoint { time_unix_nano: 0, ..explicit([1, 0, 0, 0]) };
    let far_off = HistogramDataPoint { time_unix_nano: u64::MAX, ..explicit([2, 0, 0, 0]) };

    let metrics = vec![histogram(DURATION, "s", DELTA, vec![no_value, no_time, far_off])];
    assert_eq!(send(&taker, &export("shop", metrics)).await.status, 200);

    let totals = taker.report().await.totals;
    assert_eq!(totals.counts.hits(), 3);
    assert_eq!((totals.first_at, totals.last_at), (Some(Timestamp::from_unix(NOON)), Some(Timestamp::from_unix(NOON))));
}

#[tokio::test]
async fn a_service_that_sends_each_metric_by_both_names_counts_once() {
    let taker = Taker::new().await;
    let size = || HistogramDataPoint { sum: Some(100.0), ..explicit([1, 2, 3, 4]) };
    let both = [
        ("http.server.duration", "ms", explicit([1, 2, 3, 4])),
        (DURATION, "s", explicit([1, 2, 3, 4])),
        ("http.server.request.size", "By", size()),
        ("http.server.request.body.size", "By", size()),
        ("http.server.response.body.size", "By", size()),
        ("http.server.response.size", "By", size()),
    ];
    let metrics = both.map(|(name, unit, point)| histogram(name, unit, CUMULATIVE, vec![point]));

    accept(&taker, &export("shop", metrics.to_vec())).await;

    let counts = taker.report().await.totals.counts;
    assert_eq!((counts.hits(), counts.request_bytes, counts.response_bytes), (10, 100, 100));
}

#[tokio::test]
async fn a_histogram_without_bounds_counts_requests_and_no_durations() {
    let taker = Taker::new().await;
    let point =
        HistogramDataPoint { count: 5, bucket_counts: vec![5], explicit_bounds: Vec::new(), ..explicit([0; 4]) };

    accept(&taker, &one(CUMULATIVE, point)).await;

    let counts = taker.report().await.totals.counts;
    assert_eq!((counts.hits(), counts.duration.count()), (5, 0));
}

#[tokio::test]
async fn a_sum_that_grows_without_a_request_is_no_call() {
    let taker = Taker::new().await;
    let at =
        |secs, sum| HistogramDataPoint { time_unix_nano: nanos(NOON + secs), sum: Some(sum), ..explicit([1, 0, 0, 0]) };

    accept(&taker, &one(CUMULATIVE, at(0, 1.0))).await;
    accept(&taker, &one(CUMULATIVE, at(60, 100.0))).await;

    let found = taker.endpoint("shop GET /users/{id}").await.summary;
    assert_eq!((found.counts.hits(), found.last_at), (1, Some(Timestamp::from_unix(NOON))));
}
