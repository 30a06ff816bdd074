//! kill -9 under load: what was acknowledged is there, and nothing is there twice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::command::{Server, file, sqlite3};
use crate::http;

const ROUNDS: u64 = 12;

#[test]
fn a_server_killed_under_load_loses_at_most_its_exposure_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut before, mut lost_rounds) = (0, 0);

    for round in 1..=ROUNDS {
        let server = Server::start_with(folder.path(), &["--flush-secs", "0.1"]);
        let (attempted, acknowledged) = load_until_acknowledged(&server, round * 40);
        server.kill();

        let stored: u64 = sqlite3(&file(folder.path()), "SELECT hits FROM endpoint WHERE route = '/'").parse().unwrap();
        let gained = stored - before;
        assert!(gained >= acknowledged, "round {round}: {acknowledged} acknowledged, {gained} there");
        assert!(gained <= attempted, "round {round}: {attempted} attempted, {gained} there");
        assert_eq!(sqlite3(&file(folder.path()), "PRAGMA integrity_check"), "ok");
        lost_rounds += u64::from(gained < attempted);
        before = stored;
    }

    assert!(lost_rounds > 0, "no kill came before a flush: the test proves nothing");
    let windows = sqlite3(
        &file(folder.path()),
        "SELECT sum(w.hits) FROM endpoint_window w JOIN endpoint e ON e.id = endpoint_id WHERE route = '/'",
    );
    assert_eq!(windows, before.to_string());
}

/// Sends requests until the server says that it has stored so many; gives what was attempted and what it said.
pub(crate) fn load_until_acknowledged(server: &Server, enough: u64) -> (u64, u64) {
    let (attempted, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let address = server.address;
    let mut acknowledged = 0;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    attempted.fetch_add(1, Ordering::SeqCst);
                    let _ = http::get(address, "/");
                }
            });
        }
        while acknowledged < enough {
            acknowledged = server.stored();
        }
        is_over.store(true, Ordering::SeqCst);
    });
    (attempted.into_inner(), acknowledged)
}
