//! Log lines name the trace and the span they belong to.

use std::path::Path;

use serde_json::Value;

use super::collector::{Collector, hex};
use super::{TRACE, traceparent};
use crate::command::{Server, program, url};
use crate::http::get_with;

fn server_with(folder: &Path, arguments: &[&str]) -> Server {
    let url = url(folder);
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--database-url", &url]);
    command.args(arguments).env("RUST_LOG", "debug");
    Server::spawn(command)
}

/// The log line of a request in a client's trace.
fn line_of_a_request(server: Server) -> String {
    let lines = ["host: localhost", "x-request-id: r-9", &traceparent("01")];
    get_with(server.address, "/stats", &lines).unwrap();
    let said = server.last_words();
    said.lines().find(|line| line.contains("r-9") && line.contains("/stats")).expect("a line").to_owned()
}

fn value_of<'l>(line: &'l str, key: &str) -> &'l str {
    line.split_whitespace().find_map(|word| word.strip_prefix(key)).unwrap_or_else(|| panic!("no {key} in {line}"))
}

#[test]
fn a_line_of_text_names_its_trace_without_any_collector() {
    let folder = tempfile::tempdir().unwrap();

    let line = line_of_a_request(server_with(folder.path(), &[]));

    assert_eq!(value_of(&line, "trace_id="), TRACE);
    assert_eq!(value_of(&line, "span_id=").len(), 16);
}

#[test]
fn a_line_of_json_names_its_trace_without_any_collector() {
    let folder = tempfile::tempdir().unwrap();

    let line = line_of_a_request(server_with(folder.path(), &["--log-format", "json"]));

    let line: Value = serde_json::from_str(&line).expect("the line is JSON");
    assert_eq!((&line["trace_id"], &line["span"]["id"]), (&TRACE.into(), &"r-9".into()));
    assert_eq!(line["span_id"].as_str().unwrap().len(), 16);
    assert_eq!((&line["fields"]["route"], &line["fields"]["status"]), (&"/stats".into(), &200.into()));
}

#[test]
fn a_line_and_a_span_of_one_request_have_the_same_ids() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    for format in ["text", "json"] {
        let server =
            server_with(folder.path(), &["--log-format", format, "--trace-otlp-endpoint", collector.url().as_str()]);

        let line = line_of_a_request(server);

        let span = collector.span("GET /stats");
        assert_eq!(hex(&span.trace_id), TRACE);
        assert!(line.contains(TRACE) && line.contains(&hex(&span.span_id)), "{} is not in {line}", hex(&span.span_id));
    }
}

#[test]
fn a_line_of_no_request_names_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_with(folder.path(), &["--log-format", "json"]);

    let said = server.last_words();

    let line = said.lines().find(|line| line.contains("shutting down")).expect("a line");
    assert!(!line.contains("trace_id"), "{line}");
}
