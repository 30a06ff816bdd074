//! The work for a request is part of its trace; a flush is a trace of its own.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::collector::{Collector, attribute};
use super::server_for;
use crate::command::Server;
use crate::http::send;
use crate::support::redis::RedisServer;

fn post(server: &Server, path: &str, kind: &str, body: &str) -> u16 {
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: {kind}");
    send(server.address, &format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).unwrap().status
}

#[test]
fn a_question_to_the_store_is_part_of_the_request() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);

    assert_eq!(server.get("/v1/totals").status, 200);

    let [request, query] = collector.spans(["GET /v1/totals", "store.query"]);
    assert_eq!((&query.trace_id, &query.parent_span_id), (&request.trace_id, &request.span_id));
    assert_eq!(query.kind, SpanKind::Client as i32);
    assert_eq!(attribute(&query.attributes, "db.system.name").as_deref(), Some("sqlite"));
}

#[test]
fn a_question_that_the_cache_has_no_answer_to_goes_through_it_to_the_store() {
    let (folder, collector, redis) = (tempfile::tempdir().unwrap(), Collector::start(), RedisServer::start());
    let server = server_for(folder.path(), &collector, &["--redis-url", &redis.url(), "--flush-secs", "60"]);

    assert_eq!(server.get("/v1/totals").status, 200);

    let [request, cache, query] = collector.spans(["GET /v1/totals", "cache", "store.query"]);
    assert_eq!((&cache.trace_id, &cache.parent_span_id), (&request.trace_id, &request.span_id));
    assert_eq!((&query.trace_id, &query.parent_span_id), (&request.trace_id, &cache.span_id));
    // A busy machine may be too slow for a look-up.
    let result = attribute(&cache.attributes, "result").unwrap();
    assert!(["miss", "error"].contains(&result.as_str()), "{result}");
}

#[test]
fn what_is_sent_is_written_in_the_trace_of_its_request() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &["--without-token", "everything", "--flush-secs", "60"]);

    let hit = r#"{"service":"shop","method":"GET","route":"/users/{id}","status":200}"#;
    assert_eq!(post(&server, "/v1/hits", "application/x-ndjson", hit), 200);

    let [request, commit, apply] = collector.spans(["POST /v1/hits", "commit", "store.apply"]);
    assert_eq!((&commit.trace_id, &commit.parent_span_id), (&request.trace_id, &request.span_id));
    assert_eq!((&apply.trace_id, &apply.parent_span_id), (&request.trace_id, &commit.span_id));
}

#[test]
fn work_that_a_disconnect_cannot_cut_is_part_of_its_request() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &["--without-token", "everything"]);

    let endpoints = r#"[{"service":"shop","method":"GET","route":"/users/{id}"}]"#;
    assert_eq!(post(&server, "/v1/endpoints", "application/json", endpoints), 200);

    let [request, register] = collector.spans(["POST /v1/endpoints", "store.register"]);
    assert_eq!((&register.trace_id, &register.parent_span_id), (&request.trace_id, &request.span_id));
}

#[test]
fn a_flush_is_a_trace_of_its_own() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &["--flush-secs", "0.05"]);

    server.get("/stats");

    let [request, flush, apply] = collector.spans(["GET /stats", "flush", "store.apply"]);
    assert!(flush.parent_span_id.is_empty() && flush.trace_id != request.trace_id);
    assert_eq!((&apply.trace_id, &apply.parent_span_id), (&flush.trace_id, &flush.span_id));
    assert_eq!(attribute(&flush.attributes, "hits").as_deref(), Some("1"));
}

#[test]
fn looking_for_the_hits_of_others_is_no_trace() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &["--flush-secs", "0.05"]);
    server.get("/stats");
    let (_, mut seen) = collector.until(|span| span.name == "flush");

    assert!(server.stop().success());

    seen.extend(collector.rest());
    let looks = seen.iter().filter(|span| span.name == "store.endpoints");
    assert!(looks.clone().all(|look| !look.parent_span_id.is_empty()), "{looks:?}");
}
