//! How many requests a second the server answers, beside the same router without counting.
//!
//! Both run in this process on the server's own accept loop, one after the other, several times, under
//! `wrk -t2 -c32`, which takes part of the same two cores. What is shown is requests a second of each turn, the ratio of
//! the medians, and whether `/stats` counted every request that `wrk` saw answered. `wrk` cuts off up to one request a
//! connection at its end; those are counted by the server and not by `wrk`.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use endpoint_stats_core::store::SqliteStore;
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::{EndpointStats, ServiceName};
use endpoint_stats_server::access::{Access, AccessOptions};
use endpoint_stats_server::ingest::Ingest;
use endpoint_stats_server::serve::{Connections, RequestLimits, routes};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const TURNS: usize = 5;
const CONNECTIONS: u64 = 32;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("stats.db")).await.expect("a new file");
    let service = ServiceName::new("bench").expect("a valid name");
    let stats = EndpointStats::builder(service).with_store(store).start();
    let mut connections = Connections::new(1_024);
    let access = Access::without_tokens(AccessOptions::default());
    let ingest = Ingest::new(stats.store().clone());
    let counted =
        listen(&mut connections, routes(&stats, LiveFeed::of_this_process(), ingest, access, RequestLimits::default()))
            .await;
    let bare = listen(&mut connections, Router::new().route("/", get(welcome))).await;

    let (mut counted_rates, mut bare_rates, mut answered) = (Vec::new(), Vec::new(), 0);
    for turn in 1..=TURNS {
        let (_, bare_rate) = wrk(bare).await;
        let (requests, counted_rate) = wrk(counted).await;
        println!("turn {turn}: bare {bare_rate:>9.0} requests/s, counted {counted_rate:>9.0} requests/s");
        bare_rates.push(bare_rate);
        counted_rates.push(counted_rate);
        answered += requests;
    }
    let hits = stats.fleet().hits_at("/");
    println!("counted / bare: {:.3}", median(counted_rates) / median(bare_rates));
    println!("answered {answered}, counted {hits}, cut off by wrk at most {}", CONNECTIONS * TURNS as u64);
    assert!((answered..=answered + CONNECTIONS * TURNS as u64).contains(&hits), "a request was not counted once");

    connections.finish(Duration::from_secs(1)).await;
    let written = stats.shutdown(Duration::from_secs(5)).await.books;
    println!("written to SQLite: {}", written.stored);
}

/// What `/` answers, without the count.
async fn welcome() -> Json<Value> {
    Json(json!({"message": "Endpoint statistics you can trust, in your own store.", "access_count": 123_456}))
}

async fn listen(connections: &mut Connections, app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    connections.serve(listener, app);
    address
}

/// Requests that were answered, and requests a second.
async fn wrk(address: SocketAddr) -> (u64, f64) {
    let url = format!("http://{address}/");
    let connections = format!("-c{CONNECTIONS}");
    let run = move || Command::new("wrk").args(["-t2", &connections, "-d3s", &url]).output();
    let output = tokio::task::spawn_blocking(run).await.expect("no panic").expect("wrk is installed by setup.sh");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let requests = text.lines().find_map(|line| line.split(" requests in").next()?.trim().parse().ok());
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    (requests.expect("wrk tells requests"), rate.expect("wrk tells a rate"))
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
