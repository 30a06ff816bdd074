//! kill -9: what the store acknowledged is there, and nothing is there twice.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::{Moment, SystemClock};
use endpoint_stats_core::flush::{FlushConfig, Flusher};
use endpoint_stats_core::store::{SqliteStore, StatsQuery, StatsStore};
use endpoint_stats_core::window::TimeRange;
use tokio::time::interval;

use super::faulty_store::sqlite3;
use super::writer::hit;

pub(super) const FILE: &str = "ENDPOINT_STATS_TEST_FILE";
const ROUNDS: usize = 30;

/// A process of its own that is killed with its test.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What a victim said last: hits it was about to have counted, and hits it knew to be stored, or safe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastWords {
    pub(super) observed: u64,
    pub(super) stored: u64,
}

/// Starts a process that counts into a file, lets it say so much, and kills it.
pub(super) fn kill_after(victim: &str, lines: usize, file: &Path) -> LastWords {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([victim, "--exact", "--ignored", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut victim = Victim(child);
    let mut last = LastWords::default();
    let mut note = |line: String| {
        let Some(words) = line.strip_prefix("counted ") else { return false };
        // The last line may be cut off.
        if let Some((observed, stored)) = words.strip_suffix('.').and_then(|words| words.split_once(' ')) {
            last = LastWords { observed: observed.parse().unwrap(), stored: stored.parse().unwrap() };
        }
        true
    };
    let mut heard = 0;
    while heard < lines {
        let line = said.next().expect("the victim goes on until it is killed").unwrap();
        heard += usize::from(note(line));
    }
    victim.0.kill().unwrap();
    for line in said.map_while(Result::ok) {
        note(line);
    }
    last
}

pub(super) async fn total(file: &Path) -> u64 {
    let store = SqliteStore::open(file).await.unwrap();
    store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap().totals.counts.hits()
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats.db");
    let begun = Moment::now();
    let (mut before, mut with_hits) = (0, 0);

    for round in 0.. {
        // Long enough and short enough to hit every point between two flushes.
        let last = kill_after("flush::crash::victim", 1 + (round * 37) % 97, &file);

        let after = total(&file).await;
        assert!(before + last.stored <= after, "round {round}: {before} and {last:?} became {after}");
        assert!(after <= before + last.observed, "round {round}: {before} and {last:?} became {after}");
        assert_eq!(sqlite3(&file, "PRAGMA integrity_check"), "ok", "round {round}");
        assert_eq!(sqlite3(&file, "SELECT coalesce(sum(hits), 0) FROM endpoint"), after.to_string());
        with_hits += usize::from(last.stored > 0);
        before = after;
        if round + 1 >= ROUNDS && (with_hits >= ROUNDS / 2 || Moment::now().since(begun) > Duration::from_secs(20)) {
            break;
        }
    }

    assert!(with_hits >= ROUNDS / 2, "only {with_hits} rounds were killed after a flush");
}

#[ignore = "the process that `a_killed_process_loses_nothing_acknowledged_and_doubles_nothing` kills"]
#[tokio::test]
async fn victim() {
    let Some(file) = env::var_os(FILE).map(PathBuf::from) else { return };
    let store = Arc::new(SqliteStore::open(file).await.unwrap());
    let recorder = Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default());
    let config = FlushConfig { interval: Duration::from_millis(5), ..FlushConfig::default() };
    let flusher = Flusher::start(recorder.clone(), store, Arc::new(SystemClock), config);
    let mut beats = interval(Duration::from_millis(1));
    let mut observed = 0;
    loop {
        beats.tick().await;
        observed += 20;
        writeln!(std::io::stdout(), "counted {observed} {}.", flusher.books().stored).unwrap();
        for endpoint in 0..20 {
            hit(&recorder, &format!("/{endpoint}"), 1);
        }
    }
}
