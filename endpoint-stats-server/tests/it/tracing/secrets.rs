//! What a span and a log line never hold.

use std::fs;

use super::collector::Collector;
use super::server_for;
use crate::http::get_with;

#[test]
fn a_span_holds_neither_path_nor_query_nor_headers() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let server = server_for(folder.path(), &collector, &[]);

    let secrets = ["host: localhost", "authorization: Bearer s3cret", "cookie: id=s3cret", "user-agent: s3cret"];
    get_with(server.address, "/s3cret?user=s3cret", &secrets).unwrap();

    let (span, others) = collector.until(|span| span.name == "GET");
    let told = format!("{span:?}{others:?}");
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn the_headers_of_a_file_are_sent_as_they_are_now_and_never_logged() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let file = folder.path().join("headers");
    fs::write(&file, "authorization: Bearer first-s3cret\nx-tenant: shop\n").unwrap();
    let server = server_for(folder.path(), &collector, &["--trace-otlp-headers-file", file.to_str().unwrap()]);

    server.get("/stats");
    let first = collector.next().headers;
    fs::write(&file, "authorization: Bearer second-s3cret\n").unwrap();
    server.get("/books");
    let mut last = collector.next();
    while last.spans.iter().all(|span| span.name != "GET /books") {
        last = collector.next();
    }

    assert_eq!(first["authorization"], "Bearer first-s3cret");
    assert_eq!(first["x-tenant"], "shop");
    assert_eq!(last.headers["authorization"], "Bearer second-s3cret");
    let said = server.stop_and_read_log();
    assert!(!said.contains("s3cret"), "{said}");
}
