//! What a hit says is what is counted.

use endpoint_stats_core::Outcome;
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_server::access::{Principal, Scope};
use serde_json::json;

use super::hit;
use crate::takers::{NOON, Taker, gzip};

#[tokio::test]
async fn every_field_of_a_hit_is_counted() {
    let taker = Taker::new().await;
    let body = json!([{
        "service": "shop", "method": "POST", "route": "/orders", "status": 503,
        "latency_secs": 0.25, "duration_ms": 500, "request_bytes": 10, "response_bytes": 20,
        "caller": "192.0.2.7", "consumer": "acme", "time": "2027-01-15T11:59:30Z", "count": 2,
    }]);

    let answer = taker.hits(body.to_string()).await;

    assert_eq!(answer.json(), json!({"result": "applied", "accepted": 2, "clock_corrected": 0, "folded": 0}));
    let found = taker.endpoint("shop POST /orders").await.summary;
    assert_eq!(found.counts.outcomes.of(Outcome::Status(503)), 2);
    assert_eq!(found.counts.latency.count(), 2);
    assert!((0.247..0.253).contains(&found.counts.latency.quantile(0.5).unwrap().as_secs_f64()));
    assert!((0.494..0.506).contains(&found.counts.duration.quantile(0.5).unwrap().as_secs_f64()));
    assert_eq!((found.counts.request_bytes, found.counts.response_bytes), (20, 40));
    assert_eq!(found.counts.callers.count(), 1);
    let (name, consumer) = found.counts.consumers.first_key_value().unwrap();
    assert_eq!((name.as_str(), consumer.hits, consumer.errors, consumer.response_bytes), ("acme", 2, 2, 40));
    assert_eq!(found.last_at, Some(Timestamp::from_unix(NOON - 30)));
}

#[tokio::test]
async fn a_hit_without_a_time_is_counted_when_it_arrives() {
    let taker = Taker::new().await;

    taker.hits(hit("")).await;

    assert_eq!(taker.report().await.totals.first_at, Some(Timestamp::from_unix(NOON)));
}

#[tokio::test]
async fn one_object_an_array_and_lines_count_alike() {
    let taker = Taker::new().await;

    taker.hits(hit("")).await;
    taker.hits(format!("[{},\n {}]", hit(""), hit(""))).await;
    let answer = taker.lines(format!("{}\n\r\n{}\r\n{}", hit(""), hit(""), hit(""))).await;

    assert_eq!(answer.json()["accepted"], 3);
    assert_eq!(taker.total().await, 6);
}

#[tokio::test]
async fn outcomes_without_a_status_have_a_name() {
    let taker = Taker::new().await;
    let rows = ["failed", "aborted", "panicked"].map(|name| hit("").replace("200", &format!("{name:?}")));

    taker.lines(rows.join("\n")).await;

    let outcomes = taker.report().await.totals.counts.outcomes;
    for outcome in [Outcome::Failed, Outcome::Aborted, Outcome::Panicked] {
        assert_eq!(outcomes.of(outcome), 1, "{outcome}");
    }
}

#[tokio::test]
async fn the_service_may_stand_in_the_url_once() {
    let taker = Taker::new().await;
    let row = hit("").replace(r#""service":"shop","#, "");

    let answer = taker
        .post("/v1/hits?service=cart", &[("content-type", "application/json")], format!("[{row},{}]", hit("")))
        .await;

    assert_eq!(answer.status, 200);
    assert_eq!(taker.endpoint("cart GET /users/{id}").await.summary.counts.hits(), 1);
    assert_eq!(taker.endpoint("shop GET /users/{id}").await.summary.counts.hits(), 1);
}

#[tokio::test]
async fn a_null_is_a_field_that_is_not_there() {
    let taker = Taker::new().await;

    let answer = taker.hits(hit(r#""latency_secs":null,"caller":null,"time":null,"count":null"#)).await;

    assert_eq!(answer.json()["accepted"], 1);
}

#[tokio::test]
async fn an_empty_batch_is_applied_with_no_hits() {
    let taker = Taker::new().await;

    for answer in [taker.hits("[]").await, taker.lines("").await, taker.lines("\n\n").await] {
        assert_eq!(answer.json()["accepted"], 0);
    }
    assert_eq!(taker.total().await, 0);
}

#[tokio::test]
async fn a_compressed_body_counts_as_itself() {
    let taker = Taker::new().await;
    let body = gzip(format!("{}\n{}\n", hit(""), hit("")).as_bytes());
    let headers = [("content-type", "application/x-ndjson; charset=utf-8"), ("content-encoding", "gzip")];

    let answer = taker.post("/v1/hits", &headers, body).await;

    assert_eq!(answer.json()["accepted"], 2);
}

#[tokio::test]
async fn a_method_outside_of_the_standards_is_folded() {
    let taker = Taker::new().await;

    taker.hits(hit("").replace("GET", "FOO")).await;

    assert_eq!(taker.endpoint("shop _OTHER /users/{id}").await.summary.counts.hits(), 1);
}

#[tokio::test]
async fn an_impossible_time_is_that_of_the_arrival_and_is_told() {
    let taker = Taker::new().await;
    let tomorrow = NOON + 86_400;
    let impossible = [
        "0".to_owned(),
        "-5".to_owned(),
        i64::MAX.to_string(),
        u64::MAX.to_string(),
        "1e300".to_owned(),
        (tomorrow + 1).to_string(),
        r#""1970-01-01T00:00:00Z""#.to_owned(),
        r#""9999-12-30T00:00:00Z""#.to_owned(),
    ];
    let rows: Vec<_> = impossible.iter().map(|time| hit(&format!(r#""time":{time}"#))).collect();

    let answer = taker.lines(rows.join("\n")).await;

    assert_eq!(answer.json()["clock_corrected"], impossible.len());
    let totals = taker.report().await.totals;
    assert_eq!((totals.first_at, totals.last_at), (Some(Timestamp::from_unix(NOON)), Some(Timestamp::from_unix(NOON))));
}

#[tokio::test]
async fn a_time_is_read_with_its_zone_its_fraction_and_its_leap_second() {
    for (time, expected) in [
        (r#""2027-01-15T13:30:00+01:30""#, NOON),
        (r#""2027-01-15T12:00:00.999999999Z""#, NOON),
        ("1800014400", NOON),
        ("1800014400.75", NOON),
        (r#""2016-12-31T23:59:60Z""#, 1_483_228_799),
        ("1800100800", NOON + 86_400),
    ] {
        let taker = Taker::new().await;

        let answer = taker.hits(hit(&format!(r#""time":{time}"#))).await;

        assert_eq!(answer.json()["clock_corrected"], 0, "{time}");
        assert_eq!(taker.report().await.totals.first_at, Some(Timestamp::from_unix(expected)), "{time}");
    }
}

#[tokio::test]
async fn names_are_kept_to_the_letter() {
    let taker = Taker::new().await;
    let routes = ["/../etc", "/%00", "/<script>", "'; DROP TABLE hits; --", "=1+1", "/\u{202e}\u{200b}", "/ü/日本"];
    let rows: Vec<_> = routes.iter().map(|route| json!({"method": "GET", "route": route, "status": 200})).collect();

    let headers = [("content-type", "application/json")];
    let answer = taker.post("/v1/hits?service=shop", &headers, serde_json::to_string(&rows).unwrap()).await;

    assert_eq!(answer.json()["accepted"], routes.len());
    for route in routes {
        assert_eq!(taker.endpoint(&format!("shop GET {route}")).await.summary.counts.hits(), 1);
    }
}

#[tokio::test]
async fn another_services_hits_are_refused_whole() {
    let shop = endpoint_stats_core::ServiceName::new("shop").unwrap();
    let taker = Taker::new().await;
    let bound = taker.as_principal(Principal::new("shop", [Scope::Ingest]).bound_to([shop]));
    let other = hit("").replace("shop", "cart");

    let refused = bound.hits(format!("[{},{other}]", hit(""))).await;
    let reader = taker.as_principal(Principal::new("reader", [Scope::Read])).hits(hit("")).await;
    let allowed = bound.hits(hit("")).await;

    assert_eq!(refused.error(), (403, "forbidden".to_owned(), "service".to_owned()));
    assert_eq!(reader.status, 403);
    assert_eq!(allowed.status, 200);
    assert_eq!(taker.total().await, 1);
}
