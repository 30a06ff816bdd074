//! What the server still does when twice as many requests come at once as it works on, and how soon it recovers.
//!
//! The whole server runs in this process on SQLite; `wrk` asks for `/`, which takes part of the same two cores. The peak is
//! the best of several numbers of connections; the overload is 512 of them, twice the 256 requests that the server works on
//! at once. Only answers of 2xx count. Beside it a calm client asks 100 times a second; the server has recovered when
//! twenty of its answers in a row come within twice its calm 99th percentile, counted from the end of `wrk`.
//!
//! ```sh
//! cargo bench --bench overload
//! ```

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use endpoint_stats_core::store::SqliteStore;
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::{EndpointStats, ServiceName};
use endpoint_stats_server::access::{Access, AccessOptions};
use endpoint_stats_server::exposition;
use endpoint_stats_server::ingest::Ingest;
use endpoint_stats_server::serve::{self, ConnectionLimits, Limits, Listeners, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};

const TURNS: usize = 3;
const OVERLOAD: u32 = 512;
const IN_A_ROW: usize = 20;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("stats.db")).await.expect("a new file");
    let stats = EndpointStats::builder(ServiceName::new("bench").expect("a valid name")).with_store(store).start();
    let (stop, stopped) = oneshot::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(serve_until(listener, stats, stopped));

    let calm = percentile(ask(address, 300).await, 0.99);
    println!("calm client: p99 {calm:.2?}");
    for turn in 1..=TURNS {
        let mut peak = 0.0_f64;
        for connections in [16, 64, 128] {
            peak = peak.max(wrk(address, connections).await);
        }
        let goodput = wrk(address, OVERLOAD).await;
        let recovery = recovery(address, calm * 2).await;
        println!(
            "turn {turn}: peak {peak:>7.0}/s, overload {goodput:>7.0}/s, goodput {:.3} of the peak, recovered after {recovery:.0?}",
            goodput / peak
        );
    }

    let _ = stop.send(());
    server.await.expect("no panic").expect("every hit is written");
}

async fn serve_until(
    main: TcpListener,
    stats: EndpointStats,
    stopped: oneshot::Receiver<()>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let connections = ConnectionLimits { max_per_address: 2_048, ..ConnectionLimits::default() };
    let options = Options {
        access: Access::without_tokens(AccessOptions::default()),
        limits: Limits { connections, ..Limits::default() },
        drain: Duration::from_secs(10),
    };
    let listeners = Listeners { main, admin: None, tls: None, admin_tls: None };
    let ingest = Ingest::new(stats.store().clone());
    let exposition = exposition::install()?;
    let end = async {
        let _ = stopped.await;
    };
    Ok(serve::serve(listeners, stats, LiveFeed::of_this_process(), ingest, exposition, options, end).await?)
}

/// Answers of 2xx a second.
async fn wrk(address: SocketAddr, connections: u32) -> f64 {
    let (url, connections) = (format!("http://{address}/"), format!("-c{connections}"));
    let run = move || Command::new("wrk").args(["-t2", "-d4s", &connections, &url]).output();
    let output = tokio::task::spawn_blocking(run).await.expect("no panic").expect("wrk is installed by setup.sh");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number =
        |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label)?.trim().parse::<f64>().ok());
    let requests = text.lines().find_map(|line| line.split(" requests in").next()?.trim().parse::<f64>().ok());
    let (requests, rate) = (requests.expect("wrk tells requests"), number("Requests/sec:").expect("wrk tells a rate"));
    rate * (1.0 - number("Non-2xx or 3xx responses:").unwrap_or(0.0) / requests)
}

/// How long a number of answers took, 100 of them asked for a second.
async fn ask(address: SocketAddr, count: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut ticks = pace();
    while took.len() < count {
        ticks.tick().await;
        took.push(answer(&mut stream).await);
    }
    took
}

/// When the first answer of so many in a row within `limit` came.
async fn recovery(address: SocketAddr, limit: Duration) -> Duration {
    let started = Instant::now();
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut ticks = pace();
    let (mut since, mut in_a_row) = (Duration::ZERO, 0);
    while in_a_row < IN_A_ROW {
        ticks.tick().await;
        if answer(&mut stream).await <= limit {
            in_a_row += 1;
        } else {
            (since, in_a_row) = (started.elapsed(), 0);
        }
    }
    since
}

async fn answer(stream: &mut TcpStream) -> Duration {
    let started = Instant::now();
    stream.write_all(b"GET /stats HTTP/1.1\r\nhost: bench\r\n\r\n").await.expect("the server reads");
    let read = stream.read(&mut [0; 4_096]).await.expect("the server answers");
    assert!(read > 0, "the server closed the connection of the calm client");
    started.elapsed()
}

fn pace() -> tokio::time::Interval {
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn percentile(mut took: Vec<Duration>, rank: f64) -> Duration {
    took.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index of the list")]
    let at = ((took.len() - 1) as f64 * rank).ceil() as usize;
    took[at]
}
