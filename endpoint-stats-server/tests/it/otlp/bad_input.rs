//! Bad metrics are refused as a whole, bad points by themselves.

use endpoint_stats_server::access::{Principal, Scope};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, HistogramDataPoint};
use prost::Message;

use super::{
    CUMULATIVE, DELTA, DURATION, PROTOBUF, explicit, exponential, exponential_histogram, export, histogram, nanos, one,
    send,
};
use crate::takers::{NOON, Taker};

#[tokio::test]
async fn what_is_no_metrics_request_is_refused() {
    let taker = Taker::new().await;
    let json = [("content-type", "application/json")];

    for body in ["", "{", "[]", "7", r#"{"resourceMetrics": 7}"#, &"[".repeat(10_000)] {
        let answer = taker.post("/v1/metrics", &json, body.to_owned()).await;
        assert_eq!(answer.status, 400, "{body:.20}");
        assert_eq!(answer.error().1, "bad_json");
    }
    for body in [&b"\xff\xff\xff"[..], b"hello", &[0x0a, 0x7f, 0x01], &[0x0a; 10_000]] {
        let answer = taker.post("/v1/metrics", &[PROTOBUF], body.to_vec()).await;
        assert_eq!(answer.status, 400, "{:?}", &body[..3]);
        assert_eq!(answer.error().1, "bad_protobuf");
    }
    let grpc = taker.post("/v1/metrics", &[("content-type", "application/grpc")], "").await;
    assert_eq!(grpc.error(), (415, "unsupported_type".to_owned(), "content-type".to_owned()));
}

#[tokio::test]
async fn a_bad_point_is_told_and_the_others_count() {
    let taker = Taker::new().await;
    let good = explicit([1, 2, 3, 4]);
    let bad = vec![
        HistogramDataPoint { count: 99, ..good.clone() },
        HistogramDataPoint { bucket_counts: vec![1; 10], count: 10, ..good.clone() },
        HistogramDataPoint { explicit_bounds: vec![3.0, 2.0, 1.0], ..good.clone() },
        HistogramDataPoint { explicit_bounds: vec![1.0, f64::NAN, 3.0], ..good.clone() },
        HistogramDataPoint { count: u64::MAX, bucket_counts: vec![u64::MAX, 0, 0, 0], ..good.clone() },
        HistogramDataPoint { count: 1, bucket_counts: vec![u64::MAX, 2, 0, 0], ..good.clone() },
    ];
    let metrics = vec![
        histogram(DURATION, "s", DELTA, bad),
        histogram(DURATION, "s", AggregationTemporality::Unspecified, vec![good.clone()]),
        exponential_histogram(DELTA, vec![exponential(50, 0, &[1])]),
        histogram(DURATION, "fortnight", DELTA, vec![good.clone()]),
        histogram(DURATION, "s", DELTA, vec![good]),
    ];

    let answer = send(&taker, &export("shop", metrics)).await;

    assert_eq!(answer.status, 200);
    let partial = ExportMetricsServiceResponse::decode(&answer.body[..]).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 9);
    assert!(partial.error_message.contains("its buckets do not add up to its count"), "{}", partial.error_message);
    assert_eq!(taker.total().await, 10);
}

#[tokio::test]
async fn the_ends_of_all_numbers_are_survived() {
    let taker = Taker::new().await;
    let sums = [f64::NAN, f64::INFINITY, -1.0, 1e300]
        .map(|sum| HistogramDataPoint { sum: Some(sum), ..explicit([1, 0, 0, 0]) });
    let metrics = vec![
        histogram("http.server.request.body.size", "By", DELTA, sums.to_vec()),
        exponential_histogram(DELTA, vec![exponential(-10, i32::MIN, &[1]), exponential(20, i32::MAX, &[1, 1])]),
        histogram(
            DURATION,
            "s",
            DELTA,
            vec![HistogramDataPoint { explicit_bounds: vec![-1e300, 0.0, 1e300], ..explicit([1; 4]) }],
        ),
    ];

    assert_eq!(send(&taker, &export("shop", metrics)).await.status, 200);
    assert_eq!(taker.total().await, 7);
}

#[tokio::test]
async fn a_stream_of_too_many_points_is_told_what_had_no_room() {
    let taker = Taker::new().await;
    let point = |start: u64| HistogramDataPoint { start_time_unix_nano: nanos(NOON) - start, ..explicit([1, 0, 0, 0]) };
    let points = (0..10_005).map(point).collect();

    let answer = send(&taker, &export("shop", vec![histogram(DURATION, "s", CUMULATIVE, points)])).await;
    taker.clock.set(endpoint_stats_core::window::Timestamp::from_unix(NOON + 2 * 86_400));
    let two_days_later = send(&taker, &one(CUMULATIVE, point(20_000))).await;

    let partial = ExportMetricsServiceResponse::decode(&answer.body[..]).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 5);
    assert_eq!(ExportMetricsServiceResponse::decode(&two_days_later.body[..]).unwrap().partial_success, None);
    assert_eq!(taker.total().await, 10_001);
}

#[tokio::test]
async fn another_services_metrics_are_refused_whole() {
    let taker = Taker::new().await;
    let shop = endpoint_stats_core::ServiceName::new("shop").unwrap();
    let bound = taker.as_principal(Principal::new("shop", [Scope::Ingest]).bound_to([shop]));
    let mut both = one(DELTA, explicit([1, 0, 0, 0]));
    both.resource_metrics.extend(export("cart", Vec::new()).resource_metrics);

    assert_eq!(send(&bound, &both).await.error().0, 403);
    assert_eq!(taker.total().await, 0);
}

#[tokio::test]
async fn a_body_that_would_grow_a_hundredfold_in_memory_is_refused() {
    let taker = Taker::new().await;
    let json = format!(r#"{{"resourceMetrics":[{}{{}}]}}"#, "{},".repeat(400_000));

    let in_protobuf = taker.post("/v1/metrics", &[PROTOBUF], [0x0a, 0x00].repeat(400_001)).await;
    let in_json = taker.post("/v1/metrics", &[("content-type", "application/json")], json).await;
    let fewer = taker.post("/v1/metrics", &[PROTOBUF], [0x0a, 0x00].repeat(400_000)).await;

    for answer in [in_protobuf, in_json] {
        assert_eq!((answer.status, answer.error().1.as_str()), (413, "too_many_parts"));
    }
    assert_eq!(fewer.status, 200);
}

#[tokio::test]
async fn a_point_of_more_buckets_than_a_sketch_has_is_told() {
    let taker = Taker::new().await;
    let wide = exponential(5, 0, &vec![1; 2_049]);
    let finer = exponential(20, 0, &vec![1; 4_000]);

    let answer = send(&taker, &export("shop", vec![exponential_histogram(CUMULATIVE, vec![wide, finer])])).await;

    let partial = ExportMetricsServiceResponse::decode(&answer.body[..]).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 1);
    assert!(partial.error_message.contains("more than 2,048 buckets"), "{}", partial.error_message);
    assert_eq!(taker.total().await, 4_000);
}
