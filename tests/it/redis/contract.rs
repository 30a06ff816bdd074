//! The contract of every store, and the comparison with memory: on one server, on a cluster, by the newer
//! protocol, and on Valkey where it is installed.

use std::cell::Cell;
use std::ops::Deref;
use std::path::Path;

use endpoint_stats_core::store::StatsStore;
use endpoint_stats_core::store::conformance::answers_like_memory;
use endpoint_stats_core::store::redis::RedisStore;
use proptest::test_runner::{Config, TestRunner};

use super::{PrivateStore, connect, options};
use crate::random_batches::scenario;
use crate::small_batches::NOON;
use crate::support::redis::{RedisCluster, RedisServer};

async fn fresh_store() -> PrivateStore {
    PrivateStore::start().await
}

endpoint_stats_core::store_conformance!(fresh_store);

mod cluster {
    use super::fresh_on_a_cluster;

    endpoint_stats_core::store_conformance!(fresh_on_a_cluster);
}

mod resp3 {
    use super::fresh_by_resp3;

    endpoint_stats_core::store_conformance!(fresh_by_resp3);
}

/// A store, and what it needs as long as it lives.
struct Held<T> {
    store: Box<dyn StatsStore>,
    _servers: T,
}

impl<T> Deref for Held<T> {
    type Target = dyn StatsStore;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

async fn fresh_on_a_cluster() -> Held<RedisCluster> {
    let cluster = RedisCluster::start();
    Held { store: Box::new(connect(&cluster.url()).await), _servers: cluster }
}

/// By the newer protocol; on Valkey, where it is installed.
async fn fresh_by_resp3() -> Held<RedisServer> {
    let program = RedisServer::programs().pop().expect("a server is installed");
    let server = RedisServer::builder().program(&program).start();
    Held { store: Box::new(connect(&format!("{}?protocol=resp3", server.url())).await), _servers: server }
}

/// Compares a store in a namespace of its own for each case.
fn compare_with_memory(url: &str, cases: u32, place: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let case = Cell::new(0);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&scenario(), |(batches, roll_ups)| {
            let namespace = format!("case-{}", case.replace(case.get() + 1));
            runtime.block_on(async {
                let store = RedisStore::connect(options(url).with_namespace(&namespace)).await.unwrap();
                answers_like_memory(&store, &batches, &roll_ups).await;
            });
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{}: {error}", place.display()));
}

#[tokio::test]
async fn registering_nothing_changes_nothing() {
    let store = fresh_store().await;

    store.register(&[], NOON).await.unwrap();

    assert_eq!(store.endpoints().await.unwrap(), []);
}

#[test]
fn random_batches_are_answered_as_memory_answers_them() {
    for program in RedisServer::programs() {
        let server = RedisServer::builder().program(&program).start();
        compare_with_memory(&server.url(), 48, &program);
    }
}

#[test]
fn random_batches_are_answered_on_a_cluster_as_memory_answers_them() {
    let cluster = RedisCluster::start();
    compare_with_memory(&cluster.url(), 24, Path::new("cluster"));
}
