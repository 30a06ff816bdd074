//! Redis keeps the promises of every store, and its own about lost tails, broken networks and clusters.

mod access;
mod cluster;
mod contract;
mod garbage;
pub(crate) mod kills;
mod liar;
mod lost;
pub(crate) mod network;
mod refusals;
mod settling;
pub(crate) mod writers;
mod wrong_types;

use std::ops::Deref;
use std::time::Duration;

use endpoint_stats_core::store::WriterId;
use endpoint_stats_core::store::redis::{RedisOptions, RedisStore};

use crate::support::proxy::Proxy;
use crate::support::redis::RedisServer;

/// What a store waits for an answer where the answer does not come.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// A store on a server of its own, which goes when it goes.
#[derive(Debug)]
pub(crate) struct PrivateStore {
    store: RedisStore,
    server: RedisServer,
}

impl PrivateStore {
    pub(crate) async fn start() -> Self {
        Self::on(RedisServer::start()).await
    }

    async fn on(server: RedisServer) -> Self {
        Self { store: connect(&server.url()).await, server }
    }
}

impl Deref for PrivateStore {
    type Target = RedisStore;

    fn deref(&self) -> &RedisStore {
        &self.store
    }
}

fn options(url: &str) -> RedisOptions {
    RedisOptions::from_url(url).unwrap()
}

pub(crate) async fn connect(url: &str) -> RedisStore {
    RedisStore::connect(options(url)).await.unwrap()
}

/// A store of little patience that reaches its server through a proxy.
pub(crate) async fn behind_a_proxy(server: &RedisServer) -> (RedisStore, Proxy) {
    let proxy = Proxy::to(server.addr()).await;
    let options = options(&format!("redis://{}/0", proxy.addr())).with_answer_within(PATIENCE);
    (RedisStore::connect(options).await.unwrap(), proxy)
}

/// A key of a store on a single server, without a namespace of its own.
fn key(name: &str) -> String {
    format!("{{es1:endpoint-stats:0}}:{name}")
}

/// The key of a writer's mark.
fn mark(writer: WriterId) -> String {
    key(&format!("w:{:032x}", u128::from_be_bytes(*writer.as_bytes())))
}
