//! The query API: every answer held against sums over the list of hits that was put in.

mod access;
mod all_routes;
mod answers;
mod described;
mod lists;
mod refused;
mod seed;

use std::net::SocketAddr;

use serde_json::Value;

use self::seed::Seed;
use crate::command::Server;
use crate::http::{self, Response};

/// A server over a seeded file.
struct Asked {
    seed: Seed,
    server: Server,
}

impl Asked {
    fn start() -> Self {
        let seed = Seed::new();
        let server = Server::start(seed.folder.path());
        Self { seed, server }
    }

    /// Asks about the seeded range.
    fn ask(&self, route: &str, more: &str) -> Value {
        let response = self.server.get(&self.path(route, more));
        assert_eq!(response.status, 200, "{route} {more}: {}", response.body);
        response.json()
    }

    fn csv(&self, route: &str, more: &str) -> Vec<csv::StringRecord> {
        let response = self.server.get(&self.path(route, &format!("{more}&format=csv")));
        assert!(response.head.contains("content-type: text/csv; charset=utf-8"), "{}", response.head);
        csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(response.body.as_bytes())
            .records()
            .map(Result::unwrap)
            .collect()
    }

    fn path(&self, route: &str, more: &str) -> String {
        format!("{route}?{}{more}", self.seed.range())
    }
}

fn get_with(address: SocketAddr, path: &str, header: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n\r\n");
    http::send(address, &request).expect("the server answers")
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut lines = response.head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
