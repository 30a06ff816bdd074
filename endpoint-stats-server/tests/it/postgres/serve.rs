//! `serve` on PostgreSQL: alone, with others, and with a database that goes away.

use std::fs;
use std::thread;

use super::migrated;
use crate::command::{Server, reported};
use crate::http;
use crate::kill::load_until_acknowledged;

const SERVERS: usize = 3;

/// Requests to each server.
const REQUESTS: u64 = 200;

/// Asks a server so often at most: some seconds.
const POLLS: u32 = 20_000;

const FAST: [&str; 2] = ["--flush-secs", "0.1"];

#[test]
fn the_contract_routes_answer() {
    let (_postgres, url) = migrated();
    let server = Server::start_at(&url, &[]);

    assert_eq!(server.get("/health").json(), serde_json::json!({"status": "ok"}));
    assert_eq!(server.get("/ready").status, 200);
    assert_eq!(server.get("/").json()["access_count"], 1);
    assert_eq!(server.get("/stats").json(), serde_json::json!({"stats": {"/": 1, "/stats": 1}, "access_count": 1}));
    assert!(server.get("/metrics").body.contains("endpoint_stats_hits_pending"));
}

#[test]
fn a_server_killed_under_load_loses_at_most_its_exposure_and_doubles_nothing() {
    let (_postgres, url) = migrated();
    let mut before = 0;

    for round in 1..=4 {
        let server = Server::start_at(&url, &FAST);
        let (attempted, acknowledged) = load_until_acknowledged(&server, round * 40);
        server.kill();

        let there = reported(&url, None);
        let gained = there - before;
        assert!(gained >= acknowledged, "round {round}: {acknowledged} acknowledged, {gained} there");
        assert!(gained <= attempted, "round {round}: {attempted} attempted, {gained} there");
        before = there;
    }

    let server = Server::start_at(&url, &FAST);
    assert!((0..POLLS).any(|_| server.hits("/") == before), "the counts did not survive");
    assert_eq!(server.access_count("/"), before + 1);
}

#[test]
fn servers_on_one_database_give_one_number() {
    let (_postgres, url) = migrated();
    let servers: Vec<_> = (0..SERVERS).map(|_| Server::start_at(&url, &FAST)).collect();

    thread::scope(|scope| {
        for server in &servers {
            let address = server.address;
            scope.spawn(move || (0..REQUESTS).for_each(|_| assert_eq!(http::get(address, "/").unwrap().status, 200)));
        }
    });

    let all = SERVERS as u64 * REQUESTS;
    for server in &servers {
        assert!((0..POLLS).any(|_| server.hits("/") == all), "a server never saw the hits of the others");
    }
    assert!(servers.into_iter().all(|server| server.stop().success()));
    assert_eq!(reported(&url, Some("/")), all);
}

#[test]
fn a_database_that_is_killed_costs_no_hit() {
    let (mut postgres, url) = migrated();
    let server = Server::start_at(&url, &FAST);
    server.get("/");
    assert!((0..POLLS).any(|_| server.stored() > 0), "nothing was stored");

    postgres.kill_9();
    (0..50).for_each(|_| assert_eq!(server.get("/").status, 200));
    let ready = server.get("/ready");
    assert_eq!(ready.status, 503, "{}", ready.body);
    assert!(!ready.body.contains("127.0.0.1"), "hosts are for the log: {}", ready.body);
    assert_eq!(server.get("/health").status, 200);
    server.wait_for("flush failed, hits are kept");
    postgres.start_again();

    assert!((0..POLLS).any(|_| server.stored() >= 51), "the hits of the outage were not stored");
    assert_eq!(server.get("/ready").status, 200);
    assert!(server.stop().success());
    assert_eq!(reported(&url, Some("/")), 51);
}

#[test]
fn a_password_that_changes_in_its_file_needs_no_restart() {
    let (postgres, owner) = migrated();
    postgres.psql("stats", "CREATE ROLE ada LOGIN PASSWORD 'first'; ALTER ROLE ada SUPERUSER");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "first\n").unwrap();
    let url = format!("postgres://ada@127.0.0.1:{}/stats", postgres.port());
    let server = Server::start_at(&url, &[&FAST[..], &["--database-password-file", file.to_str().unwrap()]].concat());
    server.get("/");
    assert!((0..POLLS).any(|_| server.stored() > 0), "nothing was stored");

    fs::write(&file, "second\n").unwrap();
    postgres.psql(
        "stats",
        "ALTER ROLE ada PASSWORD 'second';
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ada'",
    );
    (0..50).for_each(|_| assert_eq!(server.get("/").status, 200));

    assert!((0..POLLS).any(|_| server.stored() >= 51), "hits after the change were not stored");
    assert!(server.stop().success());
    assert_eq!(reported(&owner, Some("/")), 51);
}
