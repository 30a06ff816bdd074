//! A spool on a disk that is full, read-only, or taken away: the process lives, and its books balance.
//!
//! Tests of the disk run again in a process of their own, as in [`disk`](super::disk).

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use endpoint_stats_core::flush::spool::{Spool, SpoolOptions, WhenFull};

use super::disk::{assert_passed, folder, run_in};
use super::faulty_store::{Fault, FaultyStore};
use super::spool::open;
use super::writer::{Writer, no_roll_up};

const SMALL_DISK: &str = "mount -t tmpfs -o size=8m tmpfs \"$ENDPOINT_STATS_TEST_FOLDER\"";

fn run_again(shell: &[&str], prepare: &str, test: &str) {
    assert_passed(&run_in(shell, prepare, &format!("flush::spool_disk::{test}")));
}

#[test]
fn a_full_disk_keeps_hits_in_memory_until_there_is_room() {
    run_again(&["unshare", "-Urm"], SMALL_DISK, "on_a_small_disk");
}

#[test]
fn a_disk_smaller_than_the_limit_gives_up_nothing_that_it_did_not_say() {
    run_again(&["unshare", "-Urm"], SMALL_DISK, "on_a_small_disk_dropping_the_oldest");
}

#[test]
fn a_limit_on_file_size_keeps_hits_in_memory_until_it_is_lifted() {
    run_again(&["env"], "trap '' XFSZ; ulimit -S -f 100", "under_a_limit");
}

#[test]
fn a_read_only_folder_is_refused_by_name() {
    let read_only = "mount --bind \"$ENDPOINT_STATS_TEST_FOLDER\" \"$ENDPOINT_STATS_TEST_FOLDER\" \
                     && mount -o remount,bind,ro \"$ENDPOINT_STATS_TEST_FOLDER\"";
    run_again(&["unshare", "-Urm"], read_only, "on_a_read_only_disk");
}

#[test]
fn a_full_disk_beside_a_store_that_is_there_costs_no_hit() {
    run_again(&["unshare", "-Urm"], SMALL_DISK, "on_a_full_disk_with_its_store");
}

fn remount(options: &str) {
    let mount = format!("mount -o remount,{options} \"$ENDPOINT_STATS_TEST_FOLDER\"");
    assert!(Command::new("bash").args(["-c", &mount]).status().unwrap().success());
}

/// Takes what is left of a disk.
fn use_up(folder: &Path) {
    let mut filler = File::create(folder.join("filler")).unwrap();
    while filler.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
}

/// Counts while the store is away and the spool takes some batches and then none; heals everything, and finds every hit.
async fn survive(folder: &Path, options: SpoolOptions, break_disk: impl FnOnce(), heal: impl FnOnce()) {
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let spool = Spool::open(folder.join("spool"), options).unwrap();
    let writer = Writer::with_spool(store.clone(), no_roll_up(), spool);
    writer.hit("/before", 10);
    writer.until_books(|books| books.spooled == 10).await;
    break_disk();

    let mut sent = 10;
    while writer.flusher.books().pending < 1_000 {
        for endpoint in 0..200 {
            writer.hit(&format!("/{endpoint:0>400}"), 1);
        }
        sent += 200;
        writer.until_books(|books| books.observed == sent).await;
        assert!(sent < 500_000, "the spool takes everything: {:?}", writer.flusher.books());
    }
    let books = writer.flusher.books();
    assert_eq!((books.stored, books.dropped), (0, 0), "{books:?}");

    heal();
    store.set_faults(|_| Fault::None);
    let books = writer.stop().await;

    assert_eq!((books.stored, books.pending, books.spooled, books.dropped), (sent, 0, 0, 0));
    assert_eq!(store.hits().await, sent);
    assert_eq!(open(&folder.join("spool")).found().hits, 0);
}

#[ignore = "run by `a_full_disk_keeps_hits_in_memory_until_there_is_room`"]
#[tokio::test(start_paused = true)]
async fn on_a_small_disk() {
    let Some(folder) = folder() else { return };
    let filler = folder.join("filler");

    survive(&folder, SpoolOptions::default(), || use_up(&folder), || fs::remove_file(filler).unwrap()).await;
}

#[ignore = "run by `a_disk_smaller_than_the_limit_gives_up_nothing_that_it_did_not_say`"]
#[tokio::test(start_paused = true)]
async fn on_a_small_disk_dropping_the_oldest() {
    let Some(folder) = folder() else { return };
    let options = SpoolOptions { when_full: WhenFull::DropOldest, ..SpoolOptions::default() };

    survive(&folder, options, || use_up(&folder), || remount("size=64m")).await;
}

#[ignore = "run by `a_limit_on_file_size_keeps_hits_in_memory_until_it_is_lifted`"]
#[tokio::test(start_paused = true)]
async fn under_a_limit() {
    let Some(folder) = folder() else { return };
    let lift = || {
        let process = std::process::id().to_string();
        let lifted = Command::new("prlimit").args(["--fsize=unlimited:unlimited", "--pid", &process]).status();
        assert!(lifted.unwrap().success());
    };

    // The limit holds for SQLite's files, too, which do not grow before it is lifted.
    survive(&folder, SpoolOptions::default(), || {}, lift).await;
}

#[ignore = "run by `a_full_disk_beside_a_store_that_is_there_costs_no_hit`"]
#[tokio::test(start_paused = true)]
async fn on_a_full_disk_with_its_store() {
    let Some(folder) = folder() else { return };
    let store = FaultyStore::new(|_| Fault::None).await;
    let writer = Writer::with_spool(store.clone(), no_roll_up(), open(&folder.join("spool")));
    writer.hit("/before", 10);
    writer.until_books(|books| books.stored == 10).await;

    use_up(&folder);
    writer.hit("/during", 10);
    writer.until_books(|books| books.stored == 20).await;
    let books = writer.stop().await;

    assert_eq!((books.stored, store.hits().await), (20, 20), "it goes by way of memory");
}

#[ignore = "run by `a_read_only_folder_is_refused_by_name`"]
#[test]
fn on_a_read_only_disk() {
    let Some(folder) = folder() else { return };

    let error = Spool::open(folder.join("spool"), SpoolOptions::default()).unwrap_err();

    assert!(error.to_string().contains("spool"), "{error}");
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().contains("Read-only"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_deleted_costs_what_was_in_it_and_no_later_hit() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("spool");
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let writer = Writer::with_spool(store.clone(), no_roll_up(), open(&folder));
    writer.hit("/lost", 10);
    writer.until_books(|books| books.spooled == 10).await;
    writer.hit("/lost", 5);
    writer.until_books(|books| books.spooled == 15).await;

    fs::remove_dir_all(&folder).unwrap();
    writer.hit("/kept", 7);
    writer.until_books(|books| books.observed == 22).await;
    store.set_faults(|_| Fault::None);
    let books = writer.stop().await;

    assert_eq!(books.stored + books.dropped, 22, "{books:?}");
    assert_eq!(books.dropped, 5, "the batch under way was in memory, too");
    assert_eq!(store.hits().await, 17);
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_goes_on_in_memory_without_pressing_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let options = SpoolOptions { max_bytes: 1 << 20, ..SpoolOptions::default() };

    survive(folder.path(), options, || {}, || {}).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_that_drops_the_oldest_says_how_many_and_keeps_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let options = SpoolOptions { max_bytes: 1 << 20, when_full: WhenFull::DropOldest, ..SpoolOptions::default() };
    let store = FaultyStore::new(|_| Fault::FailBefore).await;
    let writer = Writer::with_spool(store.clone(), no_roll_up(), Spool::open(folder.path(), options).unwrap());
    let mut sent = 0;
    while writer.flusher.books().dropped < 1_000 {
        for endpoint in 0..200 {
            writer.hit(&format!("/{endpoint:0>400}"), 1);
        }
        sent += 200;
        writer.until_books(|books| books.observed == sent && books.pending <= 200).await;
        assert!(sent < 500_000, "{:?}", writer.flusher.books());
    }

    store.set_faults(|_| Fault::None);
    let books = writer.stop().await;

    assert_eq!((books.stored + books.dropped, books.spooled, books.pending), (sent, 0, 0));
    assert_eq!(store.hits().await, books.stored);
}
