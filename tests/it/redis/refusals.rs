//! What Redis refuses, and why: named, nothing half done, and taken once when the reason is gone.

use std::process::Child;
use std::time::Duration;

use endpoint_stats_core::store::redis::RedisStore;
use endpoint_stats_core::store::{Applied, StatsStore, StoreErrorKind, WriterId};
use tokio::task::block_in_place;
use tokio::time::{interval, timeout};

use super::{PATIENCE, PrivateStore, connect, options};
use crate::small_batches::{batch, shown, total};
use crate::support::redis::{RedisCluster, RedisServer};

/// A batch is taken, the next is refused with such words, and taken once when the server has been healed.
async fn is_refused(store: &dyn StatsStore, words: &str, refuse: impl FnOnce(), heal: impl FnOnce()) {
    let writer = WriterId::random();
    assert_eq!(store.apply(&batch(writer, 1, 5)).await.unwrap(), Applied::Applied);

    block_in_place(refuse);
    let error = store.apply(&batch(writer, 2, 3)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", shown(&error));
    assert!(shown(&error).contains(words), "{}", shown(&error));
    let health = store.health().await.unwrap_err();
    assert_eq!(health.kind(), StoreErrorKind::Unavailable, "{}", shown(&health));

    block_in_place(heal);
    assert_eq!(total(store).await, 5, "nothing is half done");
    assert_eq!(store.apply(&batch(writer, 2, 3)).await.unwrap(), Applied::Applied);
    assert_eq!(store.apply(&batch(writer, 2, 3)).await.unwrap(), Applied::Duplicate);
    assert_eq!(total(store).await, 8);
    store.health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_memory_takes_nothing_and_goes_on_later() {
    let store = PrivateStore::start().await;
    let limit = |bytes| _ = store.server.cli(&["CONFIG", "SET", "maxmemory", bytes]);

    is_refused(&*store, "OOM", || limit("1"), || limit("0")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_memory_can_be_read_and_settled() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    for seq in 1..=20 {
        store.apply(&batch(writer, seq, 1)).await.unwrap();
    }

    store.server.cli(&["CONFIG", "SET", "maxmemory", "1"]);

    assert_eq!(total(&*store).await, 20);
    let settled = async {
        let mut looks = interval(Duration::from_millis(100));
        while store.server.cli(&["LLEN", &super::key("arrivals")]) != "0" {
            looks.tick().await;
        }
    };
    timeout(Duration::from_secs(10), settled).await.expect("settling frees memory first");
    assert_eq!(total(&*store).await, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_nothing_until_it_is_promoted() {
    let store = PrivateStore::start().await;
    let replicate = |of: [&str; 2]| _ = store.server.cli(&["REPLICAOF", of[0], of[1]]);

    is_refused(&*store, "read only replica", || replicate(["127.0.0.1", "1"]), || replicate(["NO", "ONE"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lost_its_master_takes_nothing_until_it_is_promoted() {
    let store = PrivateStore::start().await;
    let replicate = |of: [&str; 2]| _ = store.server.cli(&["REPLICAOF", of[0], of[1]]);
    store.server.cli(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);

    is_refused(&*store, "Link with MASTER is down", || replicate(["127.0.0.1", "1"]), || replicate(["NO", "ONE"]))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_wants_replicas_takes_nothing_without() {
    let store = PrivateStore::start().await;
    let want = |count| _ = store.server.cli(&["CONFIG", "SET", "min-replicas-to-write", count]);

    is_refused(&*store, "NOREPLICAS", || want("1"), || want("0")).await;
}

/// A script that runs for ever, and the client that waits for it.
fn begin_endless_script(server: &RedisServer) -> Child {
    let client = server.begin_cli(&["EVAL", "while true do end", "0"]);
    while !server.try_cli(&["PING"]).is_err_and(|error| error.contains("BUSY")) {}
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_busy_takes_nothing_and_goes_on_later() {
    let store = PrivateStore::start().await;
    let client = std::cell::RefCell::new(None);
    let heal = || {
        store.server.cli(&["SCRIPT", "KILL"]);
        let client: Option<Child> = client.take();
        client.unwrap().wait().unwrap();
    };

    is_refused(&*store, "BUSY", || _ = client.replace(Some(begin_endless_script(&store.server))), heal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_loads_takes_nothing_and_goes_on_when_it_has() {
    let server = RedisServer::start();
    server.slow_to_load();
    let store = RedisStore::connect(options(&server.url()).with_answer_within(PATIENCE)).await.unwrap();
    let server = std::cell::RefCell::new(server);
    let reload = || {
        server.borrow_mut().kill_9();
        server.borrow_mut().start_loading();
    };

    is_refused(&store, "loading", reload, || server.borrow().wait_until_loaded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_given_up_and_goes_on_when_it_is_thawed() {
    let server = RedisServer::start();
    let store = RedisStore::connect(options(&server.url()).with_answer_within(PATIENCE)).await.unwrap();
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 5)).await.unwrap();

    server.freeze();
    let error = store.apply(&batch(writer, 2, 3)).await.unwrap_err();
    server.thaw();

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    // The server may have found the first try in its socket when it was thawed.
    let again = store.apply(&batch(writer, 2, 3)).await.unwrap();
    assert!(matches!(again, Applied::Applied | Applied::Duplicate), "{again:?}");
    assert_eq!(total(&store).await, 8);
}

/// The name, and what to set instead.
async fn is_refused_for_evicting(url: &str, policy: &str) {
    let error = RedisStore::connect(options(url)).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Rejected);
    for word in ["maxmemory-policy", policy, "noeviction"] {
        assert!(shown(&error).contains(word), "no {word} in: {}", shown(&error));
    }
}

#[tokio::test]
async fn a_policy_by_which_counts_are_evicted_is_refused_by_name() {
    let server = RedisServer::start();
    for keys in ["allkeys", "volatile"] {
        for choice in ["lru", "lfu", "random"] {
            let policy = format!("{keys}-{choice}");
            server.cli(&["CONFIG", "SET", "maxmemory-policy", &policy]);
            is_refused_for_evicting(&server.url(), &policy).await;
        }
    }
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    is_refused_for_evicting(&server.url(), "volatile-ttl").await;

    server.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    connect(&server.url()).await.health().await.unwrap();
}

#[tokio::test]
async fn a_policy_on_one_master_of_a_cluster_is_refused_by_name() {
    let cluster = RedisCluster::start();
    cluster.master(2).cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"]);

    is_refused_for_evicting(&cluster.url(), "allkeys-lfu").await;
}
