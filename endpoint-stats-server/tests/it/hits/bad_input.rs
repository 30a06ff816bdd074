//! Bad input gets an error with a code, a place and a hint, and counts nothing.

use super::hit;
use crate::takers::{Taker, gzip};

/// A body that is no JSON, or not the JSON of hits, and the byte where the reading stopped.
fn bad_documents() -> Vec<(Vec<u8>, u64, &'static str)> {
    let of = |text: String, at: u64, field| (text.into_bytes(), at, field);
    let start = hit("").len() as u64 - 1;
    vec![
        of("hello".into(), 0, ""),
        of(String::new(), 0, ""),
        of("\u{feff}[]".into(), 0, ""),
        of(hit("")[..20].into(), 19, ""),
        of(format!("[{}", hit("")), start + 1, ""),
        of(format!("{}x", hit("")), start + 1, ""),
        of("7".into(), 0, ""),
        of("[[]]".into(), 1, ""),
        of("[".repeat(10_000), 1, ""),
        of(hit(r#""sevrice":"shop""#), start + 10, "sevrice"),
        of(hit(r#""count":1,"count":2"#), start + 18, "count"),
        of(hit(r#""count":"1""#), start + 11, "count"),
        of(hit(r#""count":true"#), start + 12, "count"),
        of(hit(r#""time":{}"#), start + 8, "time"),
        of(hit(r#""caller":7"#), start + 10, "caller"),
        of(hit(r#""latency_secs":NaN"#), start + 16, "latency_secs"),
        of(hit(r#""latency_secs":1e400"#), start + 20, "latency_secs"),
        of(hit(r#""caller":"\ud800""#), start + 17, "caller"),
        (hit(r#""caller":"X""#).replace('X', "\u{1}").into_bytes(), start + 11, "caller"),
        (b"{\"service\":\"\xff\xfe\"}".to_vec(), 13, "service"),
    ]
}

#[tokio::test]
async fn what_is_not_the_json_of_hits_is_refused_at_its_byte() {
    let taker = Taker::new().await;
    for (body, at, field) in bad_documents() {
        let shown = String::from_utf8_lossy(&body).chars().take(120).collect::<String>();

        let answer = taker.hits(body).await;

        assert_eq!(answer.error(), (400, "bad_json".to_owned(), field.to_owned()), "{shown}: {}", answer.json());
        let offset = answer.json()["error"]["offset"].as_u64().unwrap();
        assert!(offset.abs_diff(at) <= 1, "{shown}: stopped at {offset}, not {at}");
    }
    assert_eq!(taker.total().await, 0);
}

#[tokio::test]
async fn a_bad_line_is_told_with_its_number_and_nothing_counts() {
    let taker = Taker::new().await;

    let answer = taker.lines(format!("{}\n\n{}\n", hit(""), hit(r#""count":"1""#))).await;

    assert_eq!(answer.error(), (400, "bad_json".to_owned(), "count".to_owned()));
    assert_eq!(answer.json()["error"]["line"], 3);
    assert_eq!(taker.total().await, 0);
}

#[tokio::test]
async fn a_hit_that_cannot_be_is_refused_with_its_row_and_nothing_counts() {
    let taker = Taker::new().await;
    let long = format!(r#""/{}""#, "a".repeat(100_000));
    let cases = [
        ("count", hit(r#""count":0"#)),
        ("count", hit(r#""count":-1"#)),
        ("count", hit(r#""count":1.5"#)),
        ("count", hit(r#""count":1000000000001"#)),
        ("status", hit("").replace("200", "0")),
        ("status", hit("").replace("200", "99")),
        ("status", hit("").replace("200", "1000")),
        ("status", hit("").replace("200", "-1")),
        ("status", hit("").replace("200", r#""200""#)),
        ("status", hit("").replace("200", "200.5")),
        ("status", hit("").replace("200", "null")),
        ("method", hit("").replace(r#""method":"GET","#, "")),
        ("service", hit("").replace(r#""service":"shop","#, "")),
        ("service", hit("").replace("shop", "My Shop")),
        ("route", hit("").replace(r#""/users/{id}""#, r#""""#)),
        ("route", hit("").replace(r#""/users/{id}""#, r#""/a\u0000b""#)),
        ("route", hit("").replace(r#""/users/{id}""#, &long)),
        ("route", hit("").replace(r#""route":"/users/{id}","#, "")),
        ("consumer", hit(r#""consumer":"""#)),
        ("latency_secs", hit(r#""latency_secs":-0.5"#)),
        ("duration_ms", hit(r#""duration_ms":1e300"#)),
        ("latency_ms", hit(r#""latency_ms":1,"latency_secs":1"#)),
        ("request_bytes", hit(r#""request_bytes":-1"#)),
        ("response_bytes", hit(r#""response_bytes":9223372036854775808"#)),
        ("response_bytes", hit(r#""response_bytes":9223372036854775807,"count":2"#)),
        ("time", hit(r#""time":"yesterday""#)),
        ("time", hit(r#""time":"2027-01-15T12:00:00""#)),
    ];
    for (field, row) in cases {
        let answer = taker.hits(format!("[{},{row}]", hit(""))).await;

        assert_eq!(answer.error(), (422, "bad_hit".to_owned(), field.to_owned()), "{}", answer.json());
        assert_eq!(answer.json()["error"]["row"], 2);
    }
    assert_eq!(taker.total().await, 0);
}

#[tokio::test]
async fn sums_past_63_bits_are_refused_at_the_row_that_passes_them() {
    let taker = Taker::new().await;
    let row = hit(r#""response_bytes":9223372036854775807"#);

    let answer = taker.hits(format!("[{row},{row}]")).await;

    assert_eq!(answer.error(), (422, "bad_hit".to_owned(), "response_bytes".to_owned()));
    assert_eq!(answer.json()["error"]["row"], 2);
}

#[tokio::test]
async fn another_type_or_encoding_is_refused_with_those_that_are_taken() {
    let taker = Taker::new().await;
    let no_type: [(&str, &str); 0] = [];
    let csv = [("content-type", "text/csv")];
    let brotli = [("content-type", "application/json"), ("content-encoding", "br")];
    let twice = [("content-type", "application/json"), ("content-encoding", "gzip, gzip")];

    let untyped = taker.post("/v1/hits", &no_type, hit("")).await;
    assert_eq!(untyped.error(), (415, "unsupported_type".to_owned(), "content-type".to_owned()));
    assert_eq!(untyped.json()["error"]["accepted"][1], "application/x-ndjson");
    assert_eq!(taker.post("/v1/hits", &csv, hit("")).await.status, 415);
    for headers in [&brotli, &twice] {
        let answer = taker.post("/v1/hits", headers, hit("")).await;
        assert_eq!(answer.error(), (415, "unsupported_encoding".to_owned(), "content-encoding".to_owned()));
        assert_eq!(answer.json()["error"]["accepted"][1], "gzip");
    }
}

#[tokio::test]
async fn compressed_bytes_that_are_not_whole_are_refused() {
    let taker = Taker::new().await;
    let body = gzip(format!("{}\n", hit("")).repeat(100).as_bytes());
    let headers = [("content-type", "application/x-ndjson"), ("content-encoding", "gzip")];
    let garbled = [&body[..], b"garbage"].concat();

    for bytes in [&body[..0], &body[..5], &body[..20], &body[..body.len() - 1], b"plain", &garbled] {
        let answer = taker.post("/v1/hits", &headers, bytes.to_vec()).await;

        assert_eq!(
            answer.error(),
            (400, "bad_gzip".to_owned(), "content-encoding".to_owned()),
            "{} bytes",
            bytes.len()
        );
    }
    assert_eq!(taker.total().await, 0);
}

#[tokio::test]
async fn another_parameter_is_refused() {
    let taker = Taker::new().await;
    let headers = [("content-type", "application/json")];

    for (query, field) in [
        ("?srevice=shop", "srevice"),
        ("?service=My%20Shop", "service"),
        ("?service=a&service=b", "service"),
        ("?service=%ff", "service"),
    ] {
        let answer = taker.post(&format!("/v1/hits{query}"), &headers, "[]").await;

        assert_eq!(answer.error(), (400, "bad_query".to_owned(), field.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn an_error_never_repeats_more_than_a_little_of_the_input() {
    let taker = Taker::new().await;
    let long = "x".repeat(1_000_000);

    for row in [hit(&format!(r#""{long}":1"#)), hit(&format!(r#""count":"{long}""#))] {
        assert!(taker.hits(row).await.body.len() < 2_000);
    }
}
