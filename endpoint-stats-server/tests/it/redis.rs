//! On a real Redis: as the store of `serve`, as its cache, and as what tells servers of each other.

use std::net::TcpListener;
use std::thread;

use serde_json::json;

use crate::command::{Server, file, reported, run, sqlite3, stderr};
use crate::http;
use crate::support::redis::RedisServer;

const SERVERS: usize = 3;

/// Requests to each server.
const REQUESTS: u64 = 200;

/// Asks a server so often at most: some seconds.
const POLLS: u32 = 20_000;

const FAST: [&str; 2] = ["--flush-secs", "0.1"];

fn load(servers: &[Server]) {
    thread::scope(|scope| {
        for server in servers {
            let address = server.address;
            scope.spawn(move || (0..REQUESTS).for_each(|_| assert_eq!(http::get(address, "/").unwrap().status, 200)));
        }
    });
}

/// A URL at which nobody answers.
fn nobody() -> String {
    // The port is free again when the listener is gone.
    format!("redis://{}/0", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

#[test]
fn the_contract_routes_answer() {
    let redis = RedisServer::start();
    let server = Server::start_at(&redis.url(), &[]);

    assert_eq!(server.get("/health").json(), json!({"status": "ok"}));
    assert_eq!(server.get("/ready").status, 200);
    assert_eq!(server.get("/").json()["access_count"], 1);
    assert_eq!(server.get("/stats").json(), json!({"stats": {"/": 1, "/stats": 1}, "access_count": 1}));
    assert_eq!(server.get("/live").json()["scope"], "this process");
}

#[test]
fn servers_on_one_redis_give_one_number() {
    let redis = RedisServer::start();
    let servers: Vec<_> = (0..SERVERS).map(|_| Server::start_at(&redis.url(), &FAST)).collect();

    load(&servers);

    let all = SERVERS as u64 * REQUESTS;
    for server in &servers {
        assert!((0..POLLS).any(|_| server.hits("/") == all), "a server never saw the hits of the others");
    }
    assert!(servers.into_iter().all(|server| server.stop().success()));
    assert_eq!(reported(&redis.url(), Some("/")), all);
}

#[test]
fn a_redis_that_is_killed_costs_no_hit() {
    let mut redis = RedisServer::builder().setting("appendfsync", "always").start();
    let server = Server::start_at(&redis.url(), &FAST);
    server.get("/");
    assert!((0..POLLS).any(|_| server.stored() > 0), "nothing was stored");

    redis.kill_9();
    (0..50).for_each(|_| assert_eq!(server.get("/").status, 200));
    assert_eq!(server.get("/ready").status, 503);
    assert_eq!(server.get("/health").status, 200);
    server.wait_for("flush failed, hits are kept");
    redis.start_again();

    assert!((0..POLLS).any(|_| server.stored() >= 51), "the hits of the outage were not stored");
    assert_eq!(server.get("/ready").status, 200);
    assert!(server.stop().success());
    assert_eq!(reported(&redis.url(), Some("/")), 51);
}

#[test]
fn live_hits_are_those_of_all_servers() {
    let redis = RedisServer::start();
    let folders: Vec<_> = (0..SERVERS).map(|_| tempfile::tempdir().unwrap()).collect();
    let url = redis.url();
    let with_cache = [&FAST[..], &["--redis-url", &url]].concat();
    let servers: Vec<_> = folders.iter().map(|folder| Server::start_with(folder.path(), &with_cache)).collect();
    let of_fleet = |server: &Server| server.get("/live").json()["processes"] == SERVERS;
    assert!(servers.iter().all(|server| (0..POLLS).any(|_| of_fleet(server))), "a server never heard the others");

    load(&servers);

    // Within the ten seconds that are shown.
    let hits = |server: &Server| {
        let live = server.get("/live").json();
        let of_root = live["endpoints"].as_array().unwrap().iter().find(|endpoint| endpoint["route"] == "/").cloned();
        of_root.map_or(0, |endpoint| endpoint["hits"].as_u64().unwrap())
    };
    let all = SERVERS as u64 * REQUESTS;
    for server in &servers {
        assert!((0..POLLS).any(|_| hits(server) == all), "{}", server.get("/live").body);
        assert_eq!(server.get("/live").json()["scope"], "fleet");
    }
}

#[test]
fn a_cache_that_is_away_changes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[&FAST[..], &["--redis-url", &nobody()]].concat());

    for expected in 1..=50 {
        assert_eq!(server.access_count("/"), expected);
    }

    assert_eq!(server.get("/ready").status, 200);
    assert_eq!(server.get("/live").json()["scope"], "this process");
    assert!(server.stop().success());
    assert_eq!(sqlite3(&file(folder.path()), "SELECT hits FROM endpoint WHERE route = '/'"), "50");
}

#[test]
fn a_cache_that_is_killed_under_load_changes_no_number_and_fails_no_request() {
    let mut redis = RedisServer::builder().setting("appendonly", "no").start();
    let folder = tempfile::tempdir().unwrap();
    let url = redis.url();
    let server = Server::start_with(folder.path(), &[&FAST[..], &["--redis-url", &url]].concat());
    assert!((0..POLLS).any(|_| server.get("/live").json()["scope"] == "fleet"), "Redis was never heard");

    for expected in 1..=300 {
        match expected {
            100 => redis.kill_9(),
            200 => redis.start_again(),
            _ => {}
        }
        assert_eq!(server.access_count("/"), expected);
    }

    assert!((0..POLLS).any(|_| server.get("/live").json()["scope"] == "fleet"), "Redis was not heard again");
    assert!(server.stop().success());
    assert_eq!(sqlite3(&file(folder.path()), "SELECT hits FROM endpoint WHERE route = '/'"), "300");
}

#[test]
fn a_redis_that_would_evict_counts_is_refused_with_what_to_set() {
    let redis = RedisServer::builder().setting("maxmemory-policy", "allkeys-lru").start();

    let output = run(&["serve", "--listen", "127.0.0.1:0", "--database-url", &redis.url()]);

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in ["maxmemory-policy is allkeys-lru", "noeviction"] {
        assert!(said.contains(expected), "{expected:?} is not in {said:?}");
    }
}

#[test]
fn a_wrong_address_of_redis_is_named_without_its_password() {
    for (flag, url) in [("--database-url", "redis://ada:s3cret@cache:port"), ("--redis-url", "http://ada:s3cret@cache")]
    {
        let output = run(&["serve", flag, url]);

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(flag) && said.contains("redis://"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}
