//! What pages and the query API cost over 30 days of 1,000 endpoints, each hit in every hour, on SQLite.
//!
//! The server's own routes and accept loop run in this process; a client on the same two cores opens a connection for each
//! request and reads the answer to its end, so that times hold the connection, the query and the page. Shown are
//! milliseconds, the bytes of the answer before compression, and the memory of the whole process.
//!
//! ```sh
//! cargo bench --bench dashboard
//! ```

#[path = "deltas.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod deltas;
#[path = "memory.rs"]
mod memory;

use std::net::SocketAddr;

use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::store::{Batch, Retention, SqliteStore, StatsStore, WriterId};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{EndpointStats, ServiceName};
use endpoint_stats_server::access::{Access, AccessOptions};
use endpoint_stats_server::ingest::Ingest;
use endpoint_stats_server::serve::{Connections, RequestLimits, routes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::deltas::{deltas_in, endpoints, now, show};
use self::memory::resident_kib;

const ENDPOINTS: u64 = 1_000;
const HOURS: u64 = 30 * 24;
const TIMES: usize = 40;

const PAGES: [(&str, &str); 7] = [
    ("overview, 30 days", "/?from=-30d"),
    ("overview, 7 days", "/?from=-7d"),
    ("overview, 24 hours", "/?from=-24h"),
    ("one endpoint, 30 days", "/endpoint?service=bench&method=GET&route=/resources-7/%7Bid%7D&from=-30d"),
    ("endpoints as JSON, 30 days", "/v1/endpoints?from=-30d"),
    ("series as JSON, 30 days", "/v1/series?from=-30d"),
    ("totals as JSON, 30 days", "/v1/totals?from=-30d"),
];

#[tokio::main]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("stats.db")).await.expect("a new file");
    fill(&store, SystemClock.now()).await;
    let stats = EndpointStats::builder(ServiceName::new("server").expect("a name")).with_store(store).start();
    let mut connections = Connections::new(64);
    let address = listen(&mut connections, &stats).await;
    println!("{} KiB before the first question", resident_kib());
    for (name, path) in PAGES {
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..TIMES {
            let started = now();
            bytes = get(address, path).await;
            times.push(started.elapsed());
        }
        show(&format!("{name}, {bytes} bytes, {} KiB", resident_kib()), times);
    }
}

async fn fill(store: &SqliteStore, end: Timestamp) {
    let (writer, endpoints) = (WriterId::random(), endpoints(ENDPOINTS));
    for hour in 1..=HOURS {
        let at = end.minus_secs(deltas::as_i64(HOURS - hour) * 3_600);
        let deltas = deltas_in(&endpoints, Window::containing(at, Width::Hour), hour);
        store.apply(&Batch::new(writer, hour, deltas)).await.expect("applied");
    }
    store.roll_up(end, &Retention::default()).await.expect("rolled up");
}

async fn listen(connections: &mut Connections, stats: &EndpointStats) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let access = Access::without_tokens(AccessOptions::default());
    let ingest = Ingest::new(stats.store().clone());
    connections.serve(listener, routes(stats, LiveFeed::of_this_process(), ingest, access, RequestLimits::default()));
    address
}

/// Bytes of the whole answer.
async fn get(address: SocketAddr, path: &str) -> usize {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let accept = if path.starts_with("/v1") { "application/json" } else { "text/html" };
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the server answers");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    answer.len()
}
