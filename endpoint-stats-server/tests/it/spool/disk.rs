//! What a server says of the disk under its spool.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::refused::serve;
use super::{LOOKS, ask, spool, start, wait_for};
use crate::command::{Server, file, reported, stderr, url};
use crate::http;
use crate::store_faults::Lock;

/// The segments of a spool.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(spool(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "spool")).collect();
    segments.sort();
    segments
}

/// What a server says that opens the spool of a folder, and then cannot listen.
fn said_at_start(folder: &Path) -> String {
    let output = serve(&spool(folder));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    stderr(&output)
}

fn books_page(server: &Server) -> String {
    http::get_with(server.address, "/books", &["host: localhost", "accept: text/html"]).unwrap().body
}

#[test]
fn hits_in_the_spool_are_told_and_are_not_those_that_a_crash_loses() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let _away = Lock::take(&file(folder.path()));
    ask(&server, 12);

    wait_for(&server, "endpoint_stats_hits_spooled", 12);

    let is_pending_0 = server.metric("endpoint_stats_hits_pending") == Some(0);
    assert!(is_pending_0, "what is in the spool is not lost by a crash");
    assert_eq!(server.metric("endpoint_stats_spool_up"), Some(1));
    assert_eq!(server.metric("endpoint_stats_spool_damages"), Some(0));
    assert_eq!(server.metric("endpoint_stats_spool_limit_bytes"), Some(256 << 20));
    let bytes: u64 = segments(folder.path()).iter().map(|segment| fs::metadata(segment).unwrap().len()).sum();
    assert_eq!(server.metric("endpoint_stats_spool_bytes"), Some(bytes));
    let page = books_page(&server);
    assert!(page.contains("+ Spooled") && page.contains("+ Found") && page.contains("The books balance"), "{page}");
}

#[test]
fn without_a_spool_nothing_is_said_of_one_but_that_it_holds_no_hit() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--flush-secs", "0.05"]);
    ask(&server, 2);
    wait_for(&server, "endpoint_stats_hits_stored_total", 2);

    let metrics = server.get("/metrics").body;

    assert!(!metrics.contains("\nendpoint_stats_spool_"), "{metrics}");
    assert_eq!(server.metric("endpoint_stats_hits_spooled"), Some(0));
    assert_eq!(server.metric("endpoint_stats_hits_found_total"), Some(0));
    let page = books_page(&server);
    assert!(!page.to_lowercase().contains("spool") && page.contains("The books balance"), "{page}");
}

#[test]
fn a_disk_that_takes_nothing_is_down_until_it_takes_a_batch_and_costs_no_hit() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(spool(folder.path()), &elsewhere).unwrap();

    ask(&server, 5);
    wait_for(&server, "endpoint_stats_spool_up", 0);
    wait_for(&server, "endpoint_stats_hits_stored_total", 5);
    assert_eq!(server.metric("endpoint_stats_spool_up"), Some(0), "what is stored was never on the disk");
    fs::rename(&elsewhere, spool(folder.path())).unwrap();

    // It is asked again after a second.
    let mut asked = 5;
    while server.metric("endpoint_stats_spool_up") != Some(1) && asked < u64::from(LOOKS) {
        ask(&server, 1);
        asked += 1;
    }
    wait_for(&server, "endpoint_stats_hits_stored_total", asked);
    assert_eq!(server.metric("endpoint_stats_spool_up"), Some(1));
    assert!(server.stop().success());
    assert_eq!(reported(&url(folder.path()), Some("/")), asked);
}

#[test]
fn damage_is_told_at_the_start_and_costs_only_the_batch_it_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let away = Lock::take(&file(folder.path()));
    ask(&server, 3);
    wait_for(&server, "endpoint_stats_hits_spooled", 3);
    let first = segments(folder.path()).pop().unwrap();
    let end_of_first = fs::metadata(&first).unwrap().len();
    ask(&server, 4);
    wait_for(&server, "endpoint_stats_hits_spooled", 7);
    server.kill();
    drop(away);
    let segment = OpenOptions::new().write(true).open(&first).unwrap();
    // Inside of a batch, which is not the last one.
    segment.write_all_at(b"\xff\xff", end_of_first - 20).unwrap();

    let said = said_at_start(folder.path());
    let server = start(folder.path());

    assert!(said.contains("the spool is damaged") && said.contains("damages=1"), "{said}");
    assert_eq!(server.metric("endpoint_stats_spool_damages"), Some(1));
    let found = server.metric("endpoint_stats_hits_found_total").unwrap();
    assert!((4..7).contains(&found), "{found} hits were found");
    assert!(said.contains(&format!("hits={found} ")), "{said}");
    assert!(server.stop().success());
    assert_eq!(reported(&url(folder.path()), Some("/")), found);
}
