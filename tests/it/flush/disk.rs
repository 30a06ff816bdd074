//! A disk that is full, a file that is read-only or locked: hits are kept, and written when there is room again.
//!
//! The tests of the disk run again in a process of their own, with a disk or a limit of its own. They fail
//! where `unshare` may not make a mount namespace: what they prove cannot be seen there.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use endpoint_stats_core::store::{SqliteStore, StoreErrorKind};

use super::faulty_store::{FaultyStore, sqlite3};
use super::writer::Writer;

const FOLDER: &str = "ENDPOINT_STATS_TEST_FOLDER";

/// Runs a test of this binary in a shell that has prepared something; `$FOLDER` is empty, and `"$@"` is the test.
pub(super) fn run_in(shell: &[&str], prepare: &str, test: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(shell[0])
        .args(&shell[1..])
        .args(["bash", "-c", &format!("set -e; {prepare}; exec \"$@\""), "bash"])
        .arg(env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap()
}

pub(super) fn assert_passed(output: &Output) {
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{error}");
}

#[test]
fn a_full_disk_keeps_hits_in_memory_until_there_is_room() {
    let small_disk = "mount -t tmpfs -o size=1m tmpfs \"$ENDPOINT_STATS_TEST_FOLDER\"";
    assert_passed(&run_in(&["unshare", "-Urm"], small_disk, "flush::disk::on_a_small_disk"));
}

#[test]
fn a_limit_on_file_size_keeps_hits_in_memory_until_it_is_lifted() {
    let limit = "trap '' XFSZ; ulimit -S -f 400";
    assert_passed(&run_in(&["env"], limit, "flush::disk::under_a_limit"));
}

#[test]
fn a_read_only_file_is_refused_and_left_as_it_is() {
    let read_only = "sqlite3 \"$ENDPOINT_STATS_TEST_FOLDER/stats.db\" 'PRAGMA application_id = 0x45535441' \
                     && mount --bind \"$ENDPOINT_STATS_TEST_FOLDER\" \"$ENDPOINT_STATS_TEST_FOLDER\" \
                     && mount -o remount,bind,ro \"$ENDPOINT_STATS_TEST_FOLDER\"";
    assert_passed(&run_in(&["unshare", "-Urm"], read_only, "flush::disk::on_a_read_only_disk"));
}

pub(super) fn folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// Counts until SQLite itself fails several times, makes room, and finds every hit in the file.
async fn survive(file: &Path, use_up: impl FnOnce(), make_room: impl FnOnce()) {
    let store = FaultyStore::on(file).await;
    let writer = Writer::start(store.clone());
    writer.hit("/before", 10);
    writer.until_written(10).await;
    use_up();

    let mut sent = 10;
    while store.seen().failures < 3 {
        for endpoint in 0..200 {
            writer.hit(&format!("/{:0>400}", sent / 200 * 200 + endpoint), 1);
        }
        sent += 200;
        writer.until_books(|books| books.observed == sent).await;
        assert!(sent < 200_000, "nothing ever failed");
    }
    assert_eq!(store.seen().last_failure, Some(StoreErrorKind::Unavailable));
    let books = writer.flusher.books();
    assert!(books.pending > 0 && books.dropped == 0, "{books:?}");
    assert_eq!(books.stored, store.hits().await, "what is stored can still be read");

    make_room();
    let books = writer.stop().await;

    assert_eq!((books.stored, books.dropped), (sent, 0));
    assert_eq!(store.hits().await, sent);
    assert_eq!(sqlite3(file, "PRAGMA integrity_check"), "ok");
}

#[ignore = "run by `a_full_disk_keeps_hits_in_memory_until_there_is_room`"]
#[tokio::test(start_paused = true)]
async fn on_a_small_disk() {
    let Some(folder) = folder() else { return };
    let filler = folder.join("filler");
    let (taken, make_room) = (filler.clone(), filler);

    let use_up = move || {
        let mut file = File::create(taken).unwrap();
        while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
    };
    let bigger = "mount -o remount,size=64m \"$ENDPOINT_STATS_TEST_FOLDER\"";
    survive(&folder.join("stats.db"), use_up, || {
        fs::remove_file(make_room).unwrap();
        assert!(Command::new("bash").args(["-c", bigger]).status().unwrap().success());
    })
    .await;
}

#[ignore = "run by `a_limit_on_file_size_keeps_hits_in_memory_until_it_is_lifted`"]
#[tokio::test(start_paused = true)]
async fn under_a_limit() {
    let Some(folder) = folder() else { return };

    survive(
        &folder.join("stats.db"),
        || {},
        || {
            let lifted = Command::new("prlimit")
                .args(["--fsize=unlimited:unlimited", "--pid"])
                .arg(std::process::id().to_string())
                .status();
            assert!(lifted.unwrap().success());
        },
    )
    .await;
}

#[ignore = "run by `a_read_only_file_is_refused_and_left_as_it_is`"]
#[tokio::test]
async fn on_a_read_only_disk() {
    let Some(folder) = folder() else { return };
    let file = folder.join("stats.db");
    let before = fs::read(&file).unwrap();

    let error = SqliteStore::open(&file).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("stats.db"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// Another process that holds the file's lock.
struct Lock {
    sqlite3: Child,
    input: ChildStdin,
}

impl Lock {
    fn take(file: &Path) -> Self {
        let mut sqlite3 =
            Command::new("sqlite3").arg(file).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = sqlite3.stdin.take().unwrap();
        writeln!(input, ".timeout 5000\nBEGIN EXCLUSIVE;\nSELECT 'locked';").unwrap();
        let mut said = String::new();
        BufReader::new(sqlite3.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "locked");
        Self { sqlite3, input }
    }

    fn release(mut self) {
        writeln!(self.input, "ROLLBACK;").unwrap();
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.input.flush());
        drop(self.sqlite3.kill());
        drop(self.sqlite3.wait());
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_locked_by_another_process_takes_every_hit_when_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let store = FaultyStore::on(&folder.path().join("stats.db")).await;
    let lock = Lock::take(store.path());
    let writer = Writer::start(store.clone());

    writer.hit("/users/{id}", 3);
    store.until(|seen| seen.failures == 1).await;
    let books = writer.flusher.books();
    lock.release();
    writer.hit("/users/{id}", 4);
    let written = writer.stop().await;

    assert_eq!(store.seen().last_failure, Some(StoreErrorKind::Unavailable));
    assert_eq!((books.stored, books.pending), (0, 3));
    assert_eq!((written.stored, store.hits().await), (7, 7));
}
