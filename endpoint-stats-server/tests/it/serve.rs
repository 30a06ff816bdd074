//! The contract of `serve`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::command::{PATIENCE, Server, file, program, sqlite3};
use crate::http;

#[test]
fn the_contract_routes_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());

    assert_eq!(server.get("/health").json(), serde_json::json!({"status": "ok"}));
    assert_eq!(server.get("/ready").status, 200);
    assert_eq!(server.get("/").json()["access_count"], 1);
    assert_eq!(server.get("/stats").json(), serde_json::json!({"stats": {"/": 1, "/stats": 1}, "access_count": 1}));
    assert_eq!(server.get("/nowhere").status, 404);
    assert!(server.get("/metrics").body.contains("endpoint_stats_hits_pending"));
}

#[test]
fn a_response_counts_the_request_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());

    for expected in 1..=20 {
        assert_eq!(server.access_count("/"), expected);
        assert_eq!(server.access_count("/stats"), expected);
    }
}

#[test]
fn looking_at_the_server_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    for path in ["/health", "/ready", "/metrics", "/openapi.json", "/docs", "/docs/", "/docs/swagger-ui.css"] {
        server.get(path);
    }

    assert_eq!(server.get("/stats").json()["stats"], serde_json::json!({"/stats": 1}));
}

#[test]
fn a_path_that_no_route_matches_is_not_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    for path in ["/admin.php", "/.env", "/wp-login"] {
        assert_eq!(server.get(path).status, 404);
    }

    assert_eq!(server.get("/stats").json()["stats"], serde_json::json!({"_UNMATCHED": 3, "/stats": 1}));
}

#[test]
fn counts_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    for _ in 0..7 {
        server.get("/");
    }
    assert!(server.stop().success());

    let server = Server::start(folder.path());

    // What the file holds is read a moment after the start.
    let seen = (0..2_000).map(|_| server.hits("/")).find(|hits| *hits > 0);
    assert_eq!(seen, Some(7));
    assert_eq!(server.access_count("/"), 8);
}

#[test]
fn servers_on_one_file_give_one_number() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (Server::start(folder.path()), Server::start(folder.path()));
    for _ in 0..5 {
        a.get("/");
        b.get("/");
    }

    let polls = 20_000;
    assert!((0..polls).any(|_| a.hits("/") == 10), "one server never saw the hits of the other");
    assert!((0..polls).any(|_| b.hits("/") == 10), "one server never saw the hits of the other");
    assert!(a.stop().success() && b.stop().success());
    assert_eq!(sqlite3(&file(folder.path()), "SELECT hits FROM endpoint WHERE route = '/'"), "10");
}

#[test]
fn a_shutdown_under_load_writes_every_answered_hit() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let (answered, attempted, is_over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let address = server.address;

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    attempted.fetch_add(1, Ordering::SeqCst);
                    let is_answered = http::get(address, "/").is_ok_and(|response| response.status == 200);
                    answered.fetch_add(is_answered.into(), Ordering::SeqCst);
                }
            });
        }
        while answered.load(Ordering::SeqCst) < 500 {
            thread::yield_now();
        }
        server.terminate();
        server.wait_for("every hit is accounted for");
        is_over.store(true, Ordering::SeqCst);
    });

    let stored: u64 = sqlite3(&file(folder.path()), "SELECT hits FROM endpoint WHERE route = '/'").parse().unwrap();
    assert!(stored >= answered.into_inner(), "an answered hit is missing");
    assert!(stored <= attempted.into_inner(), "a hit is there twice");
}

#[test]
fn a_full_server_can_still_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--max-connections", "1"]);
    let mut idle = TcpStream::connect(server.address).unwrap();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 16]).unwrap();
    let _waiting = TcpStream::connect(server.address).unwrap();

    assert!(server.stop().success());
}

#[test]
fn a_server_that_waits_for_its_store_can_be_stopped() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://ann@{}/stats", silent.local_addr().unwrap());
    let mut waiting = program(&["serve", "--listen", "127.0.0.1:0", "--database-url", &url]).spawn().unwrap();
    let _asked = silent.accept().unwrap();

    let terminated = Command::new("kill").arg(waiting.id().to_string()).status();

    assert!(terminated.unwrap().success());
    assert!(waiting.wait().unwrap().success());
}

#[test]
fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &["--drain-secs", "600", "--without-token", "everything"]);
    // A request that never ends holds the first shutdown up. The server asks for its body, so it has begun.
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /v1/hits HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");

    server.terminate();
    server.wait_for("shutting down");
    server.terminate();

    assert_eq!(server.wait().code(), Some(130));
}

#[test]
fn health_and_metrics_can_have_a_listener_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--admin-listen", "127.0.0.1:0"]);
    let admin = server.wait_for_address("health and metrics on http://");

    assert_eq!(http::get(admin, "/health").unwrap().status, 200);
    assert_eq!(http::get(admin, "/stats").unwrap().status, 404);
    assert_eq!(server.get("/health").status, 404);
    assert_eq!(server.get("/stats").status, 200);
}

#[test]
fn a_browser_gets_a_page_without_scripts_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());

    let request = "GET / HTTP/1.1\r\nhost: localhost\r\naccept: text/html,*/*\r\nconnection: close\r\n\r\n";
    let page = http::send(server.address, request).unwrap();

    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(page.head.contains("script-src 'self'") && !page.head.contains("unsafe"), "{}", page.head);
    assert!(page.body.contains("No service has sent a hit yet"), "{}", page.body);
    assert_eq!(server.access_count("/"), 2, "a page is a hit too");
}

#[test]
fn the_files_of_a_page_are_kept_for_ever_and_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\nconnection: close\r\n\r\n";
    let page = http::send(server.address, request).unwrap().body;

    let files: Vec<_> = page.split('"').filter(|value| value.starts_with("assets/")).collect();
    for file in &files {
        let file = server.get(&format!("/{file}"));
        assert!(file.status == 200 && file.head.contains("immutable"), "{}", file.head);
    }

    assert_eq!(files.len(), 3);
    assert_eq!(server.get("/assets/dashboard.css").status, 404);
    assert_eq!(server.get("/stats").json()["stats"], serde_json::json!({"/": 1, "/stats": 1}));
}

#[test]
fn a_client_that_never_ends_its_head_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nx-slow: ").unwrap();

    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).expect("the server closes the connection");

    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn heads_past_the_limits_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let many = "x-many: 1\r\n".repeat(100);
    let long = "x".repeat(200_000);

    let too_many = http::send(server.address, &format!("GET / HTTP/1.1\r\n{many}\r\n")).unwrap();
    let too_long = http::send(server.address, &format!("GET / HTTP/1.1\r\nx: {long}\r\n\r\n"));

    assert_eq!(too_many.status, 431);
    assert!(too_long.map_or(true, |response| response.status == 431), "a head of 200 kB was accepted");
    assert_eq!(server.get("/health").status, 200);
}
