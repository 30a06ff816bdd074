//! A request is one span, by OpenTelemetry's names.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::collector::{Collector, attribute, hex};
use super::{PARENT, TRACE, server_for, traceparent};
use crate::command::{Server, file};
use crate::http::{get_with, send};
use crate::store_faults::Lock;

fn ask(server: &Server, path: &str, lines: &[&str]) -> u16 {
    get_with(server.address, path, &[&["host: localhost:8443"], lines].concat()).expect("the server answers").status
}

#[test]
fn a_request_continues_the_trace_of_its_client() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);

    ask(
        &server,
        "/nowhere",
        &[&traceparent("01"), "tracestate: rojo=00f067aa0ba902b7, congo=t61", "x-request-id: r-1"],
    );

    let span = collector.span("GET");
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!(span.trace_state, "rojo=00f067aa0ba902b7,congo=t61");
    assert_eq!(attribute(&span.attributes, "id").as_deref(), Some("r-1"));
}

#[test]
fn a_request_of_no_trace_begins_one() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);

    ask(&server, "/nowhere", &[]);

    let span = collector.span("GET");
    assert_eq!((span.trace_id.len(), span.span_id.len(), span.parent_span_id.len()), (16, 8, 0));
}

#[test]
fn an_invalid_traceparent_begins_a_trace_as_none_does() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);

    for wrong in [format!("00-{TRACE}-{PARENT}"), format!("ff-{TRACE}-{PARENT}-01"), format!("00-{TRACE}-{PARENT}-+1")]
    {
        let status = ask(&server, "/nowhere", &[&format!("traceparent: {wrong}"), "tracestate: rojo=1"]);

        let span = collector.span("GET");
        assert_eq!(status, 404);
        assert_ne!(hex(&span.trace_id), TRACE, "{wrong}");
        assert!(span.parent_span_id.is_empty() && span.trace_state.is_empty(), "{wrong}");
    }
}

#[test]
fn a_span_says_what_was_asked_for_by_its_template_and_how_it_ended() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &["--without-token", "everything"]);

    ask(&server, "/v1/totals?from=-1h", &[]);

    let span = collector.span("GET /v1/totals");
    assert_eq!(span.kind, SpanKind::Server as i32);
    assert_eq!(span.status.unwrap_or_default().code, StatusCode::Unset as i32);
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano && span.start_time_unix_nano > 0);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/v1/totals"),
        ("http.response.status_code", "200"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("server.address", "localhost"),
        ("server.port", "8443"),
    ] {
        assert_eq!(attribute(&span.attributes, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(attribute(&span.attributes, "error.type"), None);
}

#[test]
fn a_route_with_a_parameter_is_named_by_its_template() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);

    ask(&server, "/docs/swagger-ui.css", &[&traceparent("01")]);

    let (span, _) = collector.until(|span| span.name.starts_with("GET /docs"));
    let route = attribute(&span.attributes, "http.route").unwrap();
    assert!(route.contains('{') && span.name == format!("GET {route}"), "{span:?}");
}

#[test]
fn a_mistake_of_the_server_is_an_error_and_one_of_the_client_is_none() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);
    let _lock = Lock::take(&file(folder.path()));

    let (ready, nowhere) = (ask(&server, "/ready", &[&traceparent("01")]), ask(&server, "/nowhere", &[]));

    let (nothing, mut others) = collector.until(|span| span.name == "GET");
    let unwell = others.pop().filter(|span| span.name == "GET /ready").unwrap_or_else(|| collector.span("GET /ready"));
    assert_eq!((ready, nowhere), (503, 404));
    assert_eq!(unwell.status.unwrap().code, StatusCode::Error as i32);
    assert_eq!(attribute(&unwell.attributes, "error.type").as_deref(), Some("503"));
    assert_eq!(nothing.status.unwrap_or_default().code, StatusCode::Unset as i32);
    assert_eq!(attribute(&nothing.attributes, "http.response.status_code").as_deref(), Some("404"));
    assert_eq!(attribute(&nothing.attributes, "error.type"), None);
}

#[test]
fn a_method_that_nobody_knows_is_not_repeated() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);

    send(server.address, "S3CRET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();

    let span = collector.span("HTTP");
    assert_eq!(attribute(&span.attributes, "http.request.method").as_deref(), Some("_OTHER"));
    assert!(!format!("{span:?}").contains("S3CRET"));
}

#[test]
fn a_collector_learns_who_sends() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &["--service", "stats-of-shop"]);

    ask(&server, "/nowhere", &[]);

    let resource = collector.next().resource;
    let said = |key| attribute(&resource, key).unwrap_or_default();
    assert_eq!(said("service.name"), "stats-of-shop");
    assert_eq!(said("service.version"), env!("CARGO_PKG_VERSION"));
    assert_eq!((said("service.instance.id").len(), said("telemetry.sdk.language").as_str()), (36, "rust"));
}
