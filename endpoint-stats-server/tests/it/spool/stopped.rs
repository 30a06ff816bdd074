//! SIGTERM while the store is away: an end in time, and hits that are stored, spooled or reported.

use std::fs;

use super::{ask, spool, start, start_at, wait_for};
use crate::command::{file, reported, url};
use crate::postgres::migrated;
use crate::store_faults::Lock;

#[test]
fn a_shutdown_without_the_store_leaves_the_hits_in_the_spool_and_the_next_start_sends_them() {
    let (mut postgres, url) = migrated();
    let folder = tempfile::tempdir().unwrap();
    let server = start_at(&url, folder.path());
    postgres.kill_9();
    ask(&server, 25);

    let (code, said) = server.end();

    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("those in the spool are sent at the next start") && said.contains("spooled=25"), "{said}");
    assert!(said.contains("every hit is accounted for"), "{said}");
    postgres.start_again();
    let server = start_at(&url, folder.path());
    wait_for(&server, "endpoint_stats_hits_stored_total", 25);
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("those in the spool"), "{said}");
    assert_eq!(reported(&url, Some("/")), 25);
}

#[test]
fn a_shutdown_that_neither_the_store_nor_the_disk_takes_hits_of_says_how_many_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let away = Lock::take(&file(folder.path()));
    fs::remove_dir_all(spool(folder.path())).unwrap();
    ask(&server, 7);
    wait_for(&server, "endpoint_stats_spool_up", 0);

    let (code, said) = server.end();

    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("7 hits could not be written before the deadline"), "{said}");
    drop(away);
    assert_eq!(reported(&url(folder.path()), Some("/")), 0);
}
