//! How many hits a second `POST /v1/hits` takes over loopback HTTP into SQLite, beside `serde_json` alone.
//!
//! Clients and server share this process and the machine's processors. Each turn sends a thousand hits and ten thousand
//! hits a request, as NDJSON over four connections, and parses the same bytes with `serde_json` into maps, on one thread.
//! Shown are hits a second of each, their ratio, and the resident memory.

#[path = "memory.rs"]
mod memory;

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use bytes::Bytes;
use endpoint_stats_core::clock::Moment;
use endpoint_stats_core::store::{SqliteStore, StatsQuery, StatsStore};
use endpoint_stats_core::window::TimeRange;
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::{self, Ingest};
use endpoint_stats_server::serve::Connections;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::memory::resident_kib;

const TURNS: usize = 5;
const CLIENTS: usize = 4;
const HITS_PER_TURN: usize = 2_000_000;
const ROUTES: usize = 100;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store: Arc<dyn StatsStore> =
        Arc::new(SqliteStore::open(folder.path().join("stats.db")).await.expect("a new file"));
    let mut connections = Connections::new(64);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let anyone = Extension(Principal::new("bench", [Scope::Ingest]));
    connections.serve(listener, ingest::router(Ingest::new(Arc::clone(&store))).layer(anyone));

    let mut sent = 0;
    for hits in [1_000, 10_000] {
        let body = body(hits);
        println!("{hits} hits a request, {} bytes a hit", body.len() / hits);
        for turn in 1..=TURNS {
            let parsed = parse(&body, hits);
            let taken = post(address, &body, hits).await;
            sent += HITS_PER_TURN;
            let ratio = taken / parsed;
            let memory = resident_kib();
            println!(
                "turn {turn}: taken {taken:>9.0} hits/s, serde_json alone {parsed:>9.0}, ratio {ratio:.2}, {memory} KiB"
            );
        }
    }
    connections.finish(Duration::from_secs(1)).await;
    let report = store.query(&StatsQuery::over(TimeRange::ALL)).await.expect("the store answers");
    assert_eq!(report.totals.counts.hits(), sent as u64, "a hit is missing, or there twice");
    println!("in SQLite: {sent}");
}

fn body(hits: usize) -> Bytes {
    let mut body = String::new();
    for n in 0..hits {
        let _ = writeln!(
            body,
            r#"{{"service":"shop","method":"GET","route":"/shops/{}/orders/{{id}}","status":200,"latency_secs":0.0{:02}1,"response_bytes":{},"caller":"192.0.2.{}"}}"#,
            n % ROUTES,
            n % 97,
            n % 4_096,
            n % 251,
        );
    }
    body.into()
}

/// Hits a second of `serde_json` on one thread.
fn parse(body: &[u8], lines: usize) -> f64 {
    let rounds = (HITS_PER_TURN / 4 / lines).max(1);
    let started = Moment::now();
    for _ in 0..rounds {
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let hit: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).expect("a hit");
            std::hint::black_box(hit);
        }
    }
    (rounds * lines) as f64 / Moment::now().since(started).as_secs_f64()
}

/// Hits a second of all clients together, each answer awaited before the next request.
async fn post(address: SocketAddr, body: &Bytes, hits: usize) -> f64 {
    let started = Moment::now();
    let requests = HITS_PER_TURN / hits / CLIENTS;
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(client(address, body.clone(), requests))).collect();
    for client in clients {
        client.await.expect("no panic");
    }
    HITS_PER_TURN as f64 / Moment::now().since(started).as_secs_f64()
}

async fn client(address: SocketAddr, body: Bytes, requests: usize) {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let head = format!(
        "POST /v1/hits HTTP/1.1\r\nhost: bench\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut answer = [0; 4_096];
    for _ in 0..requests {
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        stream.write_all(&body).await.expect("the server reads");
        let len = stream.read(&mut answer).await.expect("the server answers");
        assert!(answer[..len].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..len]));
    }
}
