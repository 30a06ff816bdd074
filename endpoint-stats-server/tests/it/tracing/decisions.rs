//! Which traces are sent.

use super::collector::Collector;
use super::{server_for, traceparent};
use crate::http::{get, get_with};

/// Asks for something, then in a trace that is sent for sure, and gives the names of the spans before that one.
fn sent_of(arguments: &[&str], path: &str, lines: &[&str]) -> Vec<String> {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, arguments);
    get_with(server.address, path, &[&["host: localhost"], lines].concat()).unwrap();
    get_with(server.address, "/books", &["host: localhost", &traceparent("01")]).unwrap();

    let (_, others) = collector.until(|span| span.name == "GET /books");

    others.into_iter().map(|span| span.name).filter(|name| name.starts_with("GET")).collect()
}

#[test]
fn a_client_that_samples_its_trace_is_heeded_whatever_the_ratio() {
    let ratio = ["--trace-sample-ratio", "0"];

    assert_eq!(sent_of(&ratio, "/stats", &[&traceparent("01")]), ["GET /stats"]);
    assert!(sent_of(&ratio, "/stats", &[]).is_empty());
}

#[test]
fn a_client_that_does_not_sample_its_trace_is_heeded_too() {
    assert!(sent_of(&["--trace-sample-ratio", "1"], "/stats", &[&traceparent("00")]).is_empty());
    assert_eq!(sent_of(&["--trace-sample-ratio", "1"], "/stats", &[]), ["GET /stats"]);
}

#[test]
fn looking_at_the_server_begins_no_trace() {
    for path in ["/health", "/ready", "/metrics", "/docs"] {
        assert!(sent_of(&[], path, &[]).is_empty(), "{path}");
    }
    assert_eq!(sent_of(&[], "/health", &[&traceparent("01")]), ["GET /health"]);
}

#[test]
fn some_traces_are_sent_and_others_are_not() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &["--trace-sample-ratio", "0.5"]);

    for _ in 0..100 {
        get(server.address, "/stats").unwrap();
    }
    assert!(server.stop().success());

    let sent = collector.rest().into_iter().filter(|span| span.name == "GET /stats").count();
    // All or none of a hundred would be a chance of one to 2^99.
    assert!((1..100).contains(&sent), "{sent}");
}
