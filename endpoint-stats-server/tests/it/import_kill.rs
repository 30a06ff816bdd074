//! kill -9 of an import: the next one goes on, and every line counts once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::command::{file, program, run, sqlite3, stderr, stdout, url};

pub(crate) const LINES: u64 = 300_000;

const STATUSES: [u64; 5] = [200, 201, 304, 404, 500];

const AGENT: &str =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77";

/// Kills with some of the lines counted, and the others not.
const KILLS_HALFWAY: usize = 10;

/// Imports that are started for them at most.
const ATTEMPTS: usize = 40;

const POLL_EVERY: Duration = Duration::from_millis(20);

#[test]
fn an_import_killed_at_random_moments_counts_every_line_once() {
    let log = Log::new();
    let mut stats = tempfile::tempdir().unwrap();
    let (mut kills, mut totals) = (0, BTreeSet::new());

    for attempt in 0..ATTEMPTS {
        let (url, before) = (url(stats.path()), total(stats.path()));
        // Every second one is killed whatever it did, the others behind their first commit.
        let is_killed = log.import_and_kill(&url, || attempt % 2 == 1 || total(stats.path()) > before);
        let after = total(stats.path());
        assert!(after >= before, "{before} were counted, {after} are there");
        if is_killed && (1..LINES).contains(&after) {
            kills += 1;
            totals.insert(after);
        }
        if !is_killed {
            import_and_check(&log, stats.path());
            stats = tempfile::tempdir().unwrap();
        }
        if kills == KILLS_HALFWAY {
            break;
        }
    }

    import_and_check(&log, stats.path());
    assert_eq!(kills, KILLS_HALFWAY, "too few kills came halfway: the test proves nothing");
    assert!(totals.len() > 1, "all kills left {totals:?}: the test proves nothing");
}

/// A log that gives many pairs of endpoint and window, so that its import commits often.
pub(crate) struct Log(TempDir);

impl Log {
    pub(crate) fn new() -> Self {
        let log = Self(tempfile::tempdir().unwrap());
        let mut text = String::new();
        (0..LINES).for_each(|number| write_line(&mut text, number));
        fs::write(log.path(), text).unwrap();
        log
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("access.log")
    }

    fn arguments(&self, url: &str) -> [String; 6] {
        let path = self.path().to_str().unwrap().to_owned();
        ["import".into(), "--window".into(), "10s".into(), "--database-url".into(), url.to_owned(), path]
    }

    /// Starts an import and kills it a random while after it has done enough; false when it has ended before.
    pub(crate) fn import_and_kill(&self, url: &str, is_enough: impl Fn() -> bool) -> bool {
        let arguments = self.arguments(url);
        let mut import = program(&arguments.each_ref().map(String::as_str));
        let mut import = import.stdout(Stdio::piped()).spawn().unwrap();
        let end = end_of(import.stdout.take().unwrap());

        while !is_enough() && is_awaited(&end, POLL_EVERY) {}
        let is_running = is_awaited(&end, Duration::from_millis(RandomState::new().hash_one(()) % 500));
        import.kill().unwrap();
        import.wait().unwrap();
        is_running
    }

    /// Imports what is left behind the lines counted before, and compares everything with the log.
    pub(crate) fn import_and_check(&self, url: &str, before: u64) {
        let output = run(&self.arguments(url).each_ref().map(String::as_str));

        assert!(output.status.success(), "{}", stderr(&output));
        let counted = format!("{} counted, {before} counted before, 0 rejected", LINES - before);
        assert!(stdout(&output).contains(&counted), "{counted}: {}", stdout(&output));
        check(&report(url));
    }
}

fn import_and_check(log: &Log, stats: &Path) {
    log.import_and_check(&url(stats), total(stats));
    assert_eq!(sqlite3(&file(stats), "PRAGMA integrity_check"), "ok");
}

fn check(report: &serde_json::Value) {
    let totals = &report["totals"];
    let each = LINES / STATUSES.len() as u64;
    let outcomes: serde_json::Map<_, _> = STATUSES.iter().map(|status| (status.to_string(), json!(each))).collect();
    assert_eq!(totals["hits"], LINES);
    assert_eq!(totals["response_bytes"], (0..LINES).sum::<u64>());
    assert_eq!(totals["outcomes"], json!(outcomes));
    let series = report["series"].as_array().unwrap();
    assert_eq!(series.iter().map(|step| step["hits"].as_u64().unwrap()).sum::<u64>(), LINES);
    assert!(series[..series.len() - 1].iter().all(|step| step["hits"] == 3_600), "{series:?}");
}

pub(crate) fn report(url: &str) -> serde_json::Value {
    let output = run(&["report", "--json", "--step", "1h", "--database-url", url]);
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// The hits in a database, as another process sees them; none when it was not made yet.
fn total(stats: &Path) -> u64 {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'endpoint'";
    if !file(stats).exists() || sqlite3(&file(stats), tables) == "0" {
        return 0;
    }
    sqlite3(&file(stats), "SELECT coalesce(sum(hits), 0) FROM endpoint").parse().unwrap()
}

/// Gives nothing, and ends when a stream does.
fn end_of(mut stream: impl Read + Send + 'static) -> Receiver<()> {
    let (sender, end) = channel();
    thread::spawn(move || {
        let _ = io::copy(&mut stream, &mut io::sink());
        drop(sender);
    });
    end
}

/// Whether the end does not come for a while.
fn is_awaited(end: &Receiver<()>, patience: Duration) -> bool {
    end.recv_timeout(patience) == Err(RecvTimeoutError::Timeout)
}

/// Writes a line of the combined format: one hit a second from 1 May 2015 on.
fn write_line(text: &mut String, number: u64) {
    let (day, hour, minute, second) = (1 + number / 86_400, number / 3_600 % 24, number / 60 % 60, number % 60);
    let (caller, page, status) = (number % 250, number % 7, STATUSES[usize::try_from(number % 5).unwrap()]);
    writeln!(
        text,
        "192.0.2.{caller} - - [{day:02}/May/2015:{hour:02}:{minute:02}:{second:02} +0000] \
         \"GET /page-{page}/{number} HTTP/1.1\" {status} {number} \"http://example.org/\" \"{AGENT}\""
    )
    .unwrap();
}
