//! kill -9 with a spool: what the process said to be stored or spooled is in the store after the next run, and nothing twice.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::SystemClock;
use endpoint_stats_core::flush::{FlushConfig, Flusher};
use endpoint_stats_core::store::SqliteStore;
use tokio::time::interval;

use super::crash::{FILE, kill_after, total};
use super::faulty_store::{Fault, FaultyStore};
use super::spool::open;
use super::writer::{Writer, hit, no_roll_up};

const ROUNDS: usize = 30;
const VICTIM: &str = "flush::spool_crash::victim";

/// A run without hits brings what is left; returns how many that were.
async fn drain(file: &Path) -> u64 {
    let store = Arc::new(SqliteStore::open(file).await.unwrap());
    let spool = open(&file.with_extension("spool"));
    assert_eq!(spool.found().damages, 0);
    let books = Writer::with_spool(store, no_roll_up(), spool).stop().await;
    assert_eq!((books.stored, books.spooled, books.pending, books.dropped), (books.found, 0, 0, 0));
    books.found
}

#[tokio::test]
async fn a_killed_process_loses_nothing_sealed_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats.db");
    let (mut observed, mut safe, mut found) = (0, 0, 0);

    for round in 0..ROUNDS {
        let last = kill_after(VICTIM, 1 + (round * 37) % 97, &file);
        observed += last.observed;
        safe += last.stored;

        // Every third time, a victim goes on where the one before was killed.
        if round % 3 > 0 {
            found += drain(&file).await;
            let stored = total(&file).await;
            assert!(safe <= stored, "round {round}: {safe} were safe, {stored} are there");
            assert!(stored <= observed, "round {round}: {observed} were counted, {stored} are there");
        }
    }

    assert!(safe > 0 && found > 0, "{found} of {safe} hits were on the disk");
}

#[ignore = "the process that `a_killed_process_loses_nothing_sealed_and_doubles_nothing` kills"]
#[tokio::test]
async fn victim() {
    let Some(file) = env::var_os(FILE).map(PathBuf::from) else { return };
    let store = FaultyStore::on(&file).await;
    let mut tries = 0;
    store.set_faults(move |_| {
        tries += 1;
        [Fault::None, Fault::LoseReply, Fault::None, Fault::None, Fault::FailBefore][tries % 5]
    });
    let recorder = Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default());
    let config = FlushConfig { interval: Duration::from_millis(5), ..FlushConfig::default() };
    let spool = open(&file.with_extension("spool"));
    let flusher = Flusher::start_with_spool(recorder.clone(), store, Arc::new(SystemClock), config, spool);
    let mut beats = interval(Duration::from_millis(1));
    let mut observed = 0;
    loop {
        beats.tick().await;
        observed += 20;
        let books = flusher.books();
        let safe = (books.stored + books.spooled).saturating_sub(books.found);
        writeln!(std::io::stdout(), "counted {observed} {safe}.").unwrap();
        for endpoint in 0..20 {
            hit(&recorder, &format!("/{endpoint}"), 1);
        }
    }
}
