//! kill -9: what was in the spool is counted once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{LOOKS, ask, start, start_at, wait_for};
use crate::command::{Server, file, reported, sqlite3, url};
use crate::http;
use crate::postgres::migrated;
use crate::store_faults::Lock;

const ROUNDS: u64 = 10;

#[test]
fn a_server_killed_while_its_store_is_away_sends_every_answered_hit_at_its_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let away = Lock::take(&file(folder.path()));
    ask(&server, 40);
    wait_for(&server, "endpoint_stats_hits_spooled", 40);
    server.kill();
    drop(away);

    let server = start(folder.path());

    wait_for(&server, "endpoint_stats_hits_stored_total", 40);
    assert_eq!(server.metric("endpoint_stats_hits_found_total"), Some(40));
    assert!(server.stop().success());
    assert_eq!(reported(&url(folder.path()), Some("/")), 40);
    let server = start(folder.path());
    assert_eq!(server.metric("endpoint_stats_hits_found_total"), Some(0), "what was sent is not found again");
    assert!(server.stop().success());
    assert_eq!(reported(&url(folder.path()), Some("/")), 40);
}

#[test]
fn a_server_killed_with_its_database_loses_and_doubles_nothing_that_it_had_spooled() {
    let (mut postgres, url) = migrated();
    let folder = tempfile::tempdir().unwrap();
    let server = start_at(&url, folder.path());
    ask(&server, 10);
    wait_for(&server, "endpoint_stats_hits_stored_total", 10);

    postgres.kill_9();
    ask(&server, 30);
    wait_for(&server, "endpoint_stats_hits_spooled", 30);
    server.kill();
    postgres.start_again();

    let server = start_at(&url, folder.path());
    wait_for(&server, "endpoint_stats_hits_stored_total", 30);
    let books = server.get("/v1/books").json();
    assert_eq!((&books["found"], &books["spooled"], &books["balance"]), (&30.into(), &0.into(), &true.into()));
    assert!(server.stop().success());
    assert_eq!(reported(&url, Some("/")), 40);
}

/// Sends requests until the server says that so many are stored or spooled; gives what was attempted and what it said.
fn load_until_safe(server: &Server, enough: u64) -> (u64, u64) {
    let (attempted, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let address = server.address;
    let mut safe = 0;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    attempted.fetch_add(1, Ordering::SeqCst);
                    let _ = http::get(address, "/");
                }
            });
        }
        while safe < enough {
            // In this order: what goes from the spool to the store in between is not taken for two hits.
            let terms = ["endpoint_stats_hits_stored_total", "endpoint_stats_hits_spooled"];
            safe = terms.iter().filter_map(|term| server.metric(term)).sum();
        }
        is_over.store(true, Ordering::SeqCst);
    });
    (attempted.into_inner(), safe)
}

fn stored_at_route(folder: &Path) -> u64 {
    sqlite3(&file(folder), "SELECT coalesce(sum(hits), 0) FROM endpoint WHERE route = '/'").parse().unwrap()
}

#[test]
fn kills_under_load_lose_nothing_that_was_stored_or_spooled_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;

    for round in 1..=ROUNDS {
        let server = start(folder.path());
        let away = (round % 2 == 0).then(|| Lock::take(&file(folder.path())));
        let (attempted, safe) = load_until_safe(&server, round * 30);
        server.kill();
        drop(away);

        let server = start(folder.path());
        assert!((0..LOOKS).any(|_| server.metric("endpoint_stats_hits_spooled") == Some(0)));
        assert!(server.stop().success());
        let gained = stored_at_route(folder.path()) - before;
        assert!(gained >= safe, "round {round}: {safe} were safe, {gained} are there");
        assert!(gained <= attempted, "round {round}: {attempted} attempted, {gained} there");
        before += gained;
    }
}
