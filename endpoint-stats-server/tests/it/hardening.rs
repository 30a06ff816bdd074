//! What hostile, broken and too many clients get; and that the others do not notice.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::command::{PATIENCE, Server, program, run, stderr};
use crate::http;

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether the server ends a connection without another word.
fn is_closed(mut stream: TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(read) => read == 0,
        // A reset is an end, too; that nothing came in time is none.
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// The statuses that some bytes are answered with, until the server closes the connection.
fn statuses(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut stream = connect(server.address);
    // The server may have refused before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut part = [0; 4_096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&part[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

#[test]
fn a_head_that_is_none_is_refused_and_the_connection_closed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let head = |line: &str| format!("GET / HTTP/1.1\r\nhost: localhost\r\n{line}\r\n\r\n").into_bytes();

    for (what, bytes, expected) in [
        ("a NUL in a header", head("x: a\0b"), 400),
        ("a bare CR in a header", head("x: a\rb"), 400),
        ("a folded header", head("x: a\r\n b"), 400),
        ("a header without a name", head(": a"), 400),
        ("a space in a header's name", head("x y: a"), 400),
        ("two lengths", head("content-length: 3\r\ncontent-length: 4"), 400),
        ("a list of lengths", head("content-length: 3, 4"), 400),
        ("a negative length", head("content-length: -1"), 400),
        ("a length that is no number", head("content-length: many"), 400),
        ("a length past 64 bits", head("content-length: 99999999999999999999"), 400),
        ("an unknown transfer encoding", head("transfer-encoding: gzip"), 400),
        ("no request at all", b"hello\r\n\r\n".to_vec(), 400),
        ("a space in the target", b"GET /a b HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 400),
        ("TLS to a plain port", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, b'\r', b'\n', b'\r', b'\n'], 400),
        ("many headers", head(&"x: 1\r\n".repeat(65)), 431),
        ("a long header", head(&format!("x: {}", "x".repeat(1 << 20))), 431),
        (
            "a long target",
            format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(64 << 10)).into_bytes(),
            414,
        ),
    ] {
        let answered = statuses(&server, &bytes);
        let is_refused = answered == [expected] || expected > 400 && (answered.is_empty() || answered == [431]);
        assert!(is_refused, "{what}: {answered:?}");
    }
    assert!(statuses(&server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_empty(), "HTTP/2 was answered");
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_length_that_lies_does_not_smuggle_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let post = "POST /stats HTTP/1.1\r\nhost: localhost\r\n";
    let hidden = "GET /hidden HTTP/1.1\r\nhost: localhost\r\n\r\n";

    let both =
        format!("{post}content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}", hidden.len() + 5);
    let short = format!("{post}content-length: 3\r\n\r\nabcdef\r\n\r\n");
    let bad_chunk = format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\n{hidden}");

    // Both lengths: the chunks count, and the connection may not be used again.
    assert!(matches!(statuses(&server, both.as_bytes())[..], [400 | 405]), "a second request was read");
    assert_eq!(statuses(&server, short.as_bytes()), [405, 400]);
    assert_eq!(statuses(&server, bad_chunk.as_bytes()), [405]);
    assert_eq!(server.hits("_UNMATCHED"), 0);
}

#[test]
fn a_client_that_leaves_in_the_middle_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    for sent in
        ["", "G", "GET / HTTP/1.1\r\nhost", "POST /stats HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nabc"]
    {
        let mut stream = connect(server.address);
        stream.write_all(sent.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }

    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_client_with_too_many_connections_loses_its_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start_with(folder.path(), &["--max-connections-per-address", "3", "--header-timeout-secs", "600"]);
    let silent: Vec<_> = (0..3).map(|_| connect(server.address)).collect();

    assert_eq!(server.get("/health").status, 200);

    assert!(is_closed(silent.into_iter().next().unwrap()));
}

#[test]
fn a_full_server_takes_the_next_client_instead_of_a_silent_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--max-connections", "8", "--header-timeout-secs", "600"]);
    let _silent: Vec<_> = (0..50).map(|_| connect(server.address)).collect();

    for _ in 0..20 {
        assert_eq!(server.get("/health").status, 200);
    }
    assert!(server.get("/metrics").body.contains("endpoint_stats_connections_evicted_total"));
}

#[test]
fn an_idle_connection_is_closed_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--idle-timeout-secs", "0.2", "--header-timeout-secs", "600"]);

    let answered = statuses(&server, b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");

    assert_eq!(answered, [200]);
}

#[test]
fn a_head_has_less_time_than_an_idle_connection() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--idle-timeout-secs", "600", "--header-timeout-secs", "0.2"]);

    let mut kept = connect(server.address);
    kept.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    kept.read_exact(&mut [0; 16]).unwrap();
    kept.write_all(b"GET /hea").unwrap();
    let closed = kept.read_to_end(&mut Vec::new());

    assert!(closed.is_ok() || closed.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
}

#[test]
fn a_process_without_file_descriptors_goes_on_serving() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--header-timeout-secs", "600"]);
    server.get("/");
    let pid = server.pid().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, "--nofile=48:48"]).status().unwrap();
    assert!(limited.success());

    let _silent: Vec<_> = (0..60).map(|_| connect(server.address)).collect();
    server.wait_for("failed to accept a connection");

    for _ in 0..5 {
        assert_eq!(http::get(server.address, "/health").unwrap().status, 200);
    }
    assert!(server.stop().success());
}

#[test]
fn each_listener_needs_its_file_descriptors() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let with_3000 = |arguments: &[&str]| {
        let serve = program(&["serve", "--database-url", "memory:", "--listen", &address]);
        let mut limited = Command::new("prlimit");
        limited.arg("--nofile=3000:3000").arg(serve.get_program()).args(serve.get_args()).args(arguments);
        stderr(&limited.stdin(Stdio::null()).output().unwrap())
    };

    let (one, two) = (with_3000(&[]), with_3000(&["--admin-listen", "127.0.0.1:0"]));

    assert!(one.contains(&address) && !one.contains("open files are limited"), "{one}");
    assert!(two.contains("open files are limited"), "{two}");
}

#[test]
fn a_limit_that_makes_no_sense_ends_the_start() {
    for [flag, value] in [
        ["--max-connections", "0"],
        ["--max-requests", "-1"],
        ["--max-head-bytes", "1"],
        ["--header-timeout-secs", "0"],
        ["--answer-timeout-secs", "1e9"],
    ] {
        let output = run(&["serve", &format!("{flag}={value}")]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(flag) && said.trim_end().lines().count() == 1, "{said}");
    }
}
