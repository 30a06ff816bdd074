//! Requests to servers, and hits of others.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::thread;

use crate::command::Server;
use crate::http::{self, Response};

const PATHS: [&str; 4] = ["/", "/live", "/v1/totals", "/nowhere"];

/// Requests of one client to each path.
const ROUNDS: usize = 50;

/// Sends requests of two clients to each server, and tells how many.
pub(super) fn call(servers: &[Server]) -> u64 {
    let clients: Vec<_> = servers.iter().chain(servers).map(|server| server.address).collect();
    thread::scope(|scope| clients.iter().for_each(|address| _ = scope.spawn(|| call_each_path(*address))));
    (clients.len() * ROUNDS * PATHS.len()) as u64
}

fn call_each_path(address: SocketAddr) {
    for path in PATHS.iter().cycle().take(ROUNDS * PATHS.len()) {
        let status = http::get(address, path).unwrap().status;
        assert!([200, 404].contains(&status), "{path} is answered {status}");
    }
}

/// Hits of another service, a line each, with these latencies.
pub(super) fn hits(latencies: &[f64]) -> String {
    latencies.iter().fold(String::new(), |mut lines, latency| {
        let hit = r#""service":"shop","method":"GET","route":"/orders/{id}","status":200"#;
        writeln!(lines, "{{{hit},\"latency_secs\":{latency}}}").expect("a String takes everything");
        lines
    })
}

/// Sends hits under an idempotency key.
pub(super) fn send(server: &Server, key: &str, lines: &str) -> Response {
    let head = "POST /v1/hits HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-ndjson";
    let length = lines.len();
    let request = format!("{head}\r\nidempotency-key: {key}\r\ncontent-length: {length}\r\n\r\n{lines}");
    http::send(server.address, &request).expect("the server answers")
}

/// The hits of each route as `/stats` tells them, its own included.
pub(super) fn stats(server: &Server) -> BTreeMap<String, u64> {
    serde_json::from_value(server.get("/stats").json()["stats"].take()).unwrap()
}

/// Calls each server once.
pub(super) fn hit_each(servers: &[Server]) {
    for server in servers {
        server.get("/");
    }
}

/// Sends hits of another service that ended in every way, nearly all of them well.
pub(super) fn send_every_outcome(server: &Server, round: u32) {
    let outcomes =
        [(r#""status":200"#, 996), (r#""status":404"#, 2), (r#""status":500"#, 1), (r#""status":"aborted""#, 1)];
    let of_outcome = |(outcome, count)| {
        format!(
            "{{\"service\":\"shop\",\"method\":\"GET\",\"route\":\"/orders/{{id}}\",{outcome},\"count\":{count},\
             \"latency_secs\":0.02,\"request_bytes\":100,\"response_bytes\":2000}}\n"
        )
    };
    let lines: String = outcomes.map(of_outcome).concat();
    let answer = send(server, &format!("{round}-{}", server.address), &lines);
    assert_eq!(answer.json()["accepted"], 1_000, "{}", answer.body);
}
