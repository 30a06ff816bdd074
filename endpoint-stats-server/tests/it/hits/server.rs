//! Hits over real connections, to the real program.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::hit;
use crate::command::{PATIENCE, Server, file, sqlite3};
use crate::http::{self, Response};

fn head(key: &str, length: &str) -> String {
    format!(
        "POST /v1/hits HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-ndjson\r\n\
         idempotency-key: {key}\r\n{length}\r\n\r\n"
    )
}

fn request(key: &str, body: &str) -> String {
    format!("{}{body}", head(key, &format!("content-length: {}", body.len())))
}

fn send(server: &Server, request: &str) -> Response {
    http::send(server.address, request).expect("the server answers")
}

fn stored(folder: &std::path::Path) -> String {
    sqlite3(&file(folder), "SELECT coalesce(sum(hits), 0) FROM endpoint WHERE route = '/users/{id}'")
}

#[test]
fn an_answered_hit_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);

    let answer = send(&server, &request("a", &hit(r#""count":7"#)));
    server.kill();

    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(7)));
    assert_eq!(stored(folder.path()), "7");
}

#[test]
fn a_client_that_goes_away_in_its_body_counts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
    let row = format!("{}\n", hit(""));
    let chunk = format!("{:x}\r\n{row}\r\n", row.len());

    for request in [
        format!("{}{}", head("a", &format!("content-length: {}", 10 * row.len())), row.repeat(3)),
        format!("{}{chunk}{chunk}", head("b", "transfer-encoding: chunked")),
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(!answer.contains(" 200 "), "{answer}");
    }

    // The keys were not used, so nothing under them was counted.
    assert_eq!(send(&server, &request("a", &row)).json()["result"], "applied");
    assert_eq!(send(&server, &request("b", &row)).json()["result"], "applied");
    assert!(server.stop().success());
    assert_eq!(stored(folder.path()), "2");
}

#[test]
fn a_client_that_goes_away_before_the_answer_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
    let request = request("a", &hit(""));
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    drop(stream);

    // Whether the first came to its end or not, together they count once.
    let again = send(&server, &request);

    assert_eq!(again.status, 200, "{}", again.body);
    assert!(server.stop().success());
    assert_eq!(stored(folder.path()), "1");
}

#[test]
fn a_length_that_lies_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
    let row = hit("");

    for lengths in [
        "content-length: -1".to_owned(),
        "content-length: 10\r\ncontent-length: 20".to_owned(),
        format!("content-length: {}x", row.len()),
    ] {
        assert_eq!(send(&server, &format!("{}{row}", head("a", &lengths))).status, 400, "{lengths}");
    }
    let short = send(&server, &format!("{}{row}", head("a", "content-length: 10")));
    assert_eq!(short.status, 400, "{}", short.body);
    // Of a length and chunks, the chunks count: what stands behind the last one is no part of the request.
    let both = format!("{}0\r\n\r\n{row}", head("b", "content-length: 200\r\ntransfer-encoding: chunked"));
    assert_eq!(send(&server, &both).json()["accepted"], 0);

    assert_eq!(send(&server, &request("a", &row)).json()["result"], "applied");
    assert!(server.stop().success());
    assert_eq!(stored(folder.path()), "1");
}

#[test]
fn a_locked_file_is_told_and_the_key_makes_the_retry_safe() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
    send(&server, &request("first", &hit("")));
    let lock = crate::store_faults::Lock::take(&file(folder.path()));

    let refused = send(&server, &request("a", &hit("")));
    drop(lock);
    let again = send(&server, &request("a", &hit("")));

    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert!(!refused.body.to_lowercase().contains("sql"), "{}", refused.body);
    assert_eq!(again.status, 200, "{}", again.body);
    assert!(server.stop().success());
    assert_eq!(stored(folder.path()), "2");
}
