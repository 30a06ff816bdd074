//! What it costs to be watched.
//!
//! - "scrape": `GET /metrics` of a server that counted hits of 2,000 endpoints, each with four outcomes and sixteen
//!   latencies, over a connection of its own, read to its end, on the same two cores; beside it an answer of as many bytes
//!   that is there already. Shown are milliseconds and bytes, as text and as protobuf with native histograms.
//! - "watched": one request through the layer. First where nothing but the layer is there; then with a recorder of metrics
//!   installed, hits flushed ten times a second, and a client that scrapes all the while. How the table is measured, and how
//!   to read it, is said in `paired.rs`; `+ns` of the second line is what being watched costs a request. The client
//!   scrapes while the first line is measured too, so what it takes of the machine is in both.

mod calls;
#[path = "deltas.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod deltas;
mod paired;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::flush::FlushConfig;
use endpoint_stats_core::middleware::{EndpointStatsLayer, IdentifyEndpoint, RequestHead};
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::{EndpointStats, Hit, Method, Outcome, ServiceName};
use endpoint_stats_server::access::{Access, AccessOptions};
use endpoint_stats_server::exposition;
use endpoint_stats_server::ingest::Ingest;
use endpoint_stats_server::serve::{self, Connections, Listeners, Options};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::Layer;

use self::calls::{calls, hello};
use self::deltas::{now, show};
use self::paired::{Table, Variant};

const ENDPOINTS: usize = 2_000;
const TIMES: usize = 40;

const OUTCOMES: [Outcome; 4] = [Outcome::Status(200), Outcome::Status(404), Outcome::Status(500), Outcome::Aborted];

const FORMATS: [(&str, &str); 2] = [
    ("text", "text/plain;version=0.0.4"),
    ("protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"),
];

/// What answers and scrapes, beside the thread that is measured.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

fn main() {
    let (recorder, address) = RUNTIME.block_on(serve());
    fill(&recorder);
    if std::env::args().any(|argument| argument == "--bench") {
        RUNTIME.block_on(scrapes(address));
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let scraping = RUNTIME.spawn(scrape_until(address, Arc::clone(&is_over)));
    watched(recorder).run();
    is_over.store(true, Ordering::Relaxed);
    let scrapes = RUNTIME.block_on(scraping).expect("no scrape failed");
    println!("  {scrapes} scrapes meanwhile");
}

/// Serves statistics with their metrics, and gives their recorder and the address.
async fn serve() -> (Aggregator, SocketAddr) {
    let exposition = exposition::install().expect("nobody else did");
    let flush = FlushConfig { interval: Duration::from_millis(100), ..FlushConfig::default() };
    let stats = EndpointStats::builder(service()).with_flush(flush).start();
    let recorder = stats.recorder().clone();
    let main = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = main.local_addr().expect("an address");
    let listeners = Listeners { main, admin: None, tls: None, admin_tls: None };
    let ingest = Ingest::new(stats.store().clone());
    let access = Access::without_tokens(AccessOptions::default());
    let options = Options { access, limits: serve::Limits::default(), drain: Duration::ZERO };
    let live = LiveFeed::of_this_process();
    tokio::spawn(serve::serve(listeners, stats, live, ingest, exposition, options, std::future::pending()));
    (recorder, address)
}

fn fill(recorder: &Aggregator) {
    // Without the route that is called later.
    for route in (1..ENDPOINTS).map(|i| format!("/resources-{i}/{{id}}")) {
        for (hit, outcome) in OUTCOMES.iter().cycle().take(16).enumerate() {
            let latency = Duration::from_micros(100 << hit);
            let arrival = Arrival { method: Method::Get, route: Some(&route), consumer: None };
            recorder.begin(arrival).expect("not ignored").end(&Hit {
                outcome: *outcome,
                latency: Some(latency.into()),
                duration: Some(latency.into()),
                response_bytes: 512,
                caller: None,
            });
        }
    }
}

async fn scrapes(address: SocketAddr) {
    println!("\nscrape");
    for (format, accept) in FORMATS {
        while endpoints_in(&get_page(address, "/metrics", FORMATS[0].1).await) < ENDPOINTS - 1 {
            tokio::task::yield_now().await;
        }
        let bytes = timed(&format!("{ENDPOINTS} endpoints as {format}"), address, "/metrics", accept).await;
        let same = listen_with(bytes).await;
        timed("as many bytes that are there", same, "/", accept).await;
    }
}

async fn timed(what: &str, address: SocketAddr, path: &str, accept: &str) -> usize {
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..TIMES {
        let started = now();
        bytes = get_page(address, path, accept).await.len();
        times.push(started.elapsed());
    }
    show(&format!("{what}, {:.2} MB", bytes as f64 / 1e6), times);
    bytes
}

fn endpoints_in(page: &[u8]) -> usize {
    let page = String::from_utf8_lossy(page);
    page.lines().filter(|line| line.starts_with("endpoint_stats_latency_seconds_count{")).count()
}

async fn listen_with(bytes: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let page = Bytes::from(vec![b'x'; bytes]);
    tokio::spawn(async move {
        let mut connections = Connections::new(4);
        connections.serve(listener, Router::new().route("/", get(async move || page)));
        std::future::pending::<()>().await;
    });
    address
}

async fn scrape_until(address: SocketAddr, is_over: Arc<AtomicBool>) -> usize {
    let mut scrapes = 0;
    while !is_over.load(Ordering::Relaxed) {
        get_page(address, "/metrics", FORMATS[scrapes % FORMATS.len()].1).await;
        scrapes += 1;
    }
    scrapes
}

/// The whole answer, its head included.
async fn get_page(address: SocketAddr, path: &str, accept: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the server answers");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    answer
}

fn watched(recorder: Aggregator) -> Table {
    let alone = Aggregator::new(service(), Limits::default());
    let request = || Request::new(());
    let variants = vec![
        Variant::new("nothing but the layer", calls(layer(alone).layer(hello()), request)),
        Variant::new("flushed, and scraped all the while", calls(layer(recorder).layer(hello()), request)).ours(),
    ];
    Table::new("watched", 1, variants)
}

fn layer(recorder: Aggregator) -> EndpointStatsLayer<Aggregator, impl IdentifyEndpoint + use<>> {
    EndpointStatsLayer::from_fn(recorder, |_: &RequestHead<'_>| Some(Cow::Borrowed("/users/{id}")))
}

fn service() -> ServiceName {
    ServiceName::new("bench").expect("lower-case letters")
}
