//! A server that is restarted under load, over SQLite: every hit is there once.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::store::{SqliteStore, StatsStore};
use endpoint_stats_server::ingest::Ingest;
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};

use super::{Server, connect, open_to_all};
use crate::redis::writers::{Writers, by_route};

async fn start(file: &Path, addr: SocketAddr) -> Server {
    let store = SqliteStore::open(file).await.unwrap();
    Server::on(bound_again(addr).await, open_to_all(Ingest::new(Arc::new(store))))
}

/// Takes an address that was left a moment ago.
async fn bound_again(addr: SocketAddr) -> TcpListener {
    let bound = async {
        let mut tries = interval(Duration::from_millis(10));
        loop {
            tries.tick().await;
            if let Ok(listener) = TcpListener::bind(addr).await {
                return listener;
            }
        }
    };
    timeout(Duration::from_secs(30), bound).await.expect("the address is free again")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_under_load_has_every_hit_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats.db");
    let mut server = start(&file, "127.0.0.1:0".parse().unwrap()).await;
    let addr = server.addr;
    let store: Arc<dyn StatsStore> = Arc::new(connect(addr));
    let mut writers = Writers::start(&store, 4);

    for _ in 0..5 {
        writers.until_more(40).await;
        server.stop().await;
        server = start(&file, addr).await;
    }
    writers.until_more(40).await;
    let truth = writers.finish().await;

    assert_eq!(by_route(&*store).await, truth);
}
