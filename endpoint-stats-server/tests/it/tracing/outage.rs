//! A collector in trouble costs spans and nothing else.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::collector::{Collector, SILENT};
use super::server_for;
use crate::command::{PATIENCE, Server};

/// Spans that wait or are under way, at most.
const WAITING: usize = 2_048 + 512;

/// More than these.
const TOO_MANY: usize = 4_000;

#[test]
fn a_collector_that_is_not_there_is_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start_with(folder.path(), &["--trace-otlp-endpoint", &format!("http://{gone}")]);

    assert_eq!(server.get("/stats").status, 200);
    let warning = server.wait_for("the collector does not take spans");
    assert_eq!(server.get("/stats").status, 200);

    assert!(warning.contains("WARN") && warning.contains("refused"), "{warning}");
    let said = server.stop_and_read_log();
    assert!(!said.contains("the collector does not take spans"), "{said}");
    assert!(said.contains("every hit is accounted for") && said.contains("spans were dropped"), "{said}");
}

#[test]
fn a_collector_that_never_answers_holds_up_neither_requests_nor_the_end() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::answering(SILENT));
    let server = server_for(folder.path(), &collector, &["--drain-secs", "600"]);
    server.get("/stats");
    collector.next();

    for _ in 0..20 {
        assert_eq!(server.get("/stats").status, 200);
    }
    let said = server.stop_and_read_log();

    assert!(said.contains("every hit is accounted for"), "{said}");
    assert!(said.contains("the collector took too long: the last spans are lost"), "{said}");
}

#[test]
fn what_the_collector_asks_for_again_is_sent_again() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::answering(503));
    let server = server_for(folder.path(), &collector, &["--flush-secs", "60"]);
    server.get("/stats");
    let first = collector.next().spans;

    collector.answer(200);

    assert_eq!(collector.next().spans, first);
    server.wait_for("the collector takes spans again");
    assert!(!server.stop_and_read_log().contains("spans were dropped"));
}

#[test]
fn what_the_collector_refuses_is_dropped_and_counted_and_the_next_is_sent() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::answering(500));
    let server = server_for(folder.path(), &collector, &["--flush-secs", "60"]);
    server.get("/stats");
    let refused = collector.next().spans;
    let dropped = server.wait_for("spans were dropped");

    collector.answer(200);
    server.get("/books");

    assert!(dropped.contains(&format!("dropped={}", refused.len())), "{dropped}");
    let (_, others) = collector.until(|span| span.name == "GET /books");
    assert!(others.iter().all(|span| span.name != "GET /stats"), "{others:?}");
    server.wait_for("the collector takes spans again");
}

#[test]
fn spans_that_do_not_fit_are_dropped_and_counted() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::answering(SILENT));
    let server = server_for(folder.path(), &collector, &["--flush-secs", "60"]);

    assert_eq!(answers_to(&server, TOO_MANY), TOO_MANY);

    let said = server.stop_and_read_log();
    let dropped = said.split("dropped=").last().and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    assert!(dropped.is_some_and(|dropped| (TOO_MANY - WAITING..TOO_MANY).contains(&dropped)), "{said}");
}

/// Sends so many requests on one connection, and counts the answers.
fn answers_to(server: &Server, requests: usize) -> usize {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let request = "GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(requests - 1);
        sender.write_all(request.as_bytes()).unwrap();
        sender.write_all(b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    });
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    sending.join().unwrap();
    answers.matches("HTTP/1.1 404").count()
}
