//! A service's batches through [`RemoteStore`], over TCP, into the store of a server in this process.

mod answers;
mod batches;
mod contract;
mod endpoints;
mod network;
mod restarts;
mod service;
mod spool;
mod tokens;

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use endpoint_stats_core::store::remote::RemoteOptions;
use endpoint_stats_core::store::{MemoryStore, RemoteStore, StatsStore};
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::{self, Ingest};
use endpoint_stats_server::serve::Connections;
use tokio::net::TcpListener;

use crate::redis::PATIENCE;
use crate::support::proxy::Proxy;

/// A server that takes batches, and ends with the test.
#[derive(Debug)]
struct Server {
    addr: SocketAddr,
    connections: Connections,
}

impl Server {
    /// Lets everybody in, and keeps what comes in a store.
    async fn over(store: Arc<dyn StatsStore>) -> Self {
        Self::of(open_to_all(Ingest::new(store))).await
    }

    async fn of(app: Router) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), app)
    }

    fn on(listener: TcpListener, app: Router) -> Self {
        let addr = listener.local_addr().unwrap();
        let mut connections = Connections::new(64);
        connections.serve(listener, app);
        Self { addr, connections }
    }

    /// Ends, with what is under way.
    async fn stop(self) {
        self.connections.finish(Duration::from_secs(10)).await;
    }
}

pub(crate) fn anyone() -> Principal {
    Principal::new("anyone", [Scope::Ingest, Scope::Read])
}

pub(crate) fn open_to_all(ingest: Ingest) -> Router {
    ingest::router(ingest).layer(Extension(anyone()))
}

fn options(addr: SocketAddr) -> RemoteOptions {
    RemoteOptions::from_url(&format!("http://{addr}")).unwrap()
}

fn connect(addr: SocketAddr) -> RemoteStore {
    RemoteStore::connect(options(addr)).unwrap()
}

/// A store on a server of its own, which goes when it goes.
struct PrivateStore {
    store: RemoteStore,
    _server: Server,
}

impl PrivateStore {
    async fn over(store: Arc<dyn StatsStore>) -> Self {
        let server = Server::over(store).await;
        Self { store: connect(server.addr), _server: server }
    }
}

impl Deref for PrivateStore {
    type Target = RemoteStore;

    fn deref(&self) -> &RemoteStore {
        &self.store
    }
}

/// A store of little patience that reaches its server through a proxy, and what that server keeps.
async fn behind_a_proxy() -> (RemoteStore, Proxy, Arc<MemoryStore>, Server) {
    let kept = Arc::new(MemoryStore::default());
    let server = Server::over(kept.clone()).await;
    let proxy = Proxy::to(server.addr).await;
    let store = RemoteStore::connect(options(proxy.addr()).with_request_timeout(PATIENCE)).unwrap();
    (store, proxy, kept, server)
}
