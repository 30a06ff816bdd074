//! What a server takes through `POST /v1/batches` into SQLite, over loopback, the services that send on the same cores.
//!
//! - `sent`: 200 services, each of which counted 100,000 hits in a second at 100 endpoints, send what they counted: 8
//!   connections, a writer a service, ten rounds of windows. Shown are hits, deltas and batches a second, from the first
//!   byte to the last acknowledgement; encoding is included, counting the hits is not.
//! - `decoded`: what one batch of 100 and of 5,000 such deltas costs to encode and to decode.

#[path = "deltas.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod deltas;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Extension;
use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::sketch::CallerHash;
use endpoint_stats_core::store::remote::RemoteOptions;
use endpoint_stats_core::store::{Applied, Batch, RemoteStore, SqliteStore, StatsStore, WriterId};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Hit, Method, Outcome, Route, ServiceName};
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::{self, Ingest};
use endpoint_stats_server::serve::Connections;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::deltas::{Parts, START, as_i64, micros, now, show, total};

const SERVICES: u64 = 200;
const ENDPOINTS: u64 = 100;
const HITS_A_DELTA: u64 = 1_000;
const ROUNDS: u64 = 10;
const SENDERS: u64 = 8;

fn main() {
    let Some(parts) = Parts::of_arguments() else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if parts.want("sent") {
        runtime.block_on(sent());
    }
    if parts.want("decoded") {
        decoded(ENDPOINTS);
        decoded(5_000);
    }
}

async fn sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = Arc::new(SqliteStore::open(folder.path().join("stats.db")).await.expect("a store"));
    let address = serve(kept.clone()).await;
    let store = RemoteStore::connect(RemoteOptions::from_url(&address).expect("a URL")).expect("a store");
    let (services, next) = (Arc::new(services()), Arc::<AtomicU64>::default());
    let started = now();
    let mut sending = JoinSet::new();
    for _ in 0..SENDERS {
        sending.spawn(send_until_done(store.clone(), Arc::clone(&services), Arc::clone(&next)));
    }
    let times: Vec<_> = sending.join_all().await.into_iter().flatten().collect();
    let took = started.elapsed().as_secs_f64();
    let (batches, hits) = (SERVICES * ROUNDS, SERVICES * ROUNDS * ENDPOINTS * HITS_A_DELTA);
    assert_eq!(total(&*kept).await, hits);
    let a_second = |number: u64| number as f64 / took;
    println!(
        "  {:.1} million hits/s, {:.0} deltas/s, {:.0} batches/s",
        a_second(hits) / 1e6,
        a_second(batches * ENDPOINTS),
        a_second(batches)
    );
    show("until a batch is acknowledged", times);
}

async fn serve(store: Arc<SqliteStore>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let app = ingest::router(Ingest::new(store)).layer(Extension(Principal::new("bench", [Scope::Ingest])));
    let mut connections = Connections::new(64);
    connections.serve(listener, app);
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(connections);
    });
    address
}

/// A writer and its deltas for each service.
fn services() -> Vec<(WriterId, Vec<Delta>)> {
    (0..SERVICES).map(|service| (WriterId::random(), deltas(&format!("service-{service}"), ENDPOINTS))).collect()
}

/// Takes one service after the other, round by round; a service's rounds come in order, since each sender has its own.
async fn send_until_done(
    store: RemoteStore,
    services: Arc<Vec<(WriterId, Vec<Delta>)>>,
    next: Arc<AtomicU64>,
) -> Vec<Duration> {
    let sender = next.fetch_add(1, Ordering::Relaxed);
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let at = START.plus_secs(10 * as_i64(round));
        let own = (0_u64..).zip(&*services).filter(|(number, _)| number % SENDERS == sender);
        for (_, (writer, deltas)) in own {
            let batch = Batch::new(*writer, round + 1, moved_to(deltas, at));
            let started = now();
            assert_eq!(store.apply(&batch).await.expect("applied"), Applied::Applied);
            times.push(started.elapsed());
        }
    }
    times
}

fn moved_to(deltas: &[Delta], at: Timestamp) -> Vec<Delta> {
    let window = Window::containing(at, Width::TenSeconds);
    deltas.iter().map(|delta| Delta { window, first_at: at, last_at: at, ..delta.clone() }).collect()
}

fn deltas(service: &str, count: u64) -> Vec<Delta> {
    let service = ServiceName::new(service).expect("a name");
    let delta = |i| Delta {
        endpoint: Endpoint::new(
            service.clone(),
            Method::Get,
            Route::new(&format!("/resources-{i:04}/{{id}}")).expect("a route"),
        ),
        window: Window::containing(START, Width::TenSeconds),
        first_at: START,
        last_at: START,
        counts: counts(i),
    };
    (0..count).map(delta).collect()
}

/// A second of an endpoint: latencies around a millisecond with a tail, 50 callers, one error in a hundred.
fn counts(salt: u64) -> Counts {
    let mut counts = Counts::default();
    for n in 0..HITS_A_DELTA {
        let latency = Duration::from_micros(500 + (n * 7 + salt) % 1_000 + if n % 100 == 0 { 20_000 } else { 0 });
        counts.add(&Hit {
            outcome: Outcome::Status(if n % 100 == 99 { 500 } else { 200 }),
            latency: Some(latency.into()),
            duration: Some((latency * 2).into()),
            response_bytes: 512,
            caller: Some(CallerHash::from_u64(((n + salt) % 50).wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        });
    }
    counts
}

fn decoded(count: u64) {
    let batch = Batch::new(WriterId::random(), 1, deltas("shop", count));
    let (started, bytes) = (now(), batch.encode());
    let encoding = started.elapsed();
    let started = now();
    let read = Batch::decode(&bytes).expect("a batch");
    let decoding = started.elapsed();
    assert_eq!(read.hits(), batch.hits());
    println!(
        "  {count} deltas: {} bytes, encoded in {:.0} us, decoded in {:.0} us",
        bytes.len(),
        micros(encoding),
        micros(decoding)
    );
}
