//! [`FaultyStore`]: a real SQLite store that fails as a test says.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use endpoint_stats_core::Endpoint;
use endpoint_stats_core::store::{
    Applied, Around, Batch, EndpointStatus, Retention, RolledUp, SqliteStore, StatsQuery, StatsStore, StoreError,
    StoreErrorKind,
};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// What happens to a batch on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It is committed, and its acknowledgement gets lost.
    LoseReply,
    /// It never gets there.
    FailBefore,
    /// It waits until [`FaultyStore::release`], then goes on.
    Wait,
    /// It is refused for good.
    Reject,
    /// The store says that it has another batch under this number.
    Conflict,
    /// The store panics, after committing it.
    Panic,
    /// The store has forgotten all writers.
    Forget,
    /// The store has another batch under the same number, of the service `impostor`.
    Impostor,
}

type Faults = Box<dyn FnMut(&Batch) -> Fault + Send>;

/// Hands everything to an [`SqliteStore`], and lets a test wait for batches.
///
/// Time that a test has paused stands still while SQLite works.
pub(crate) struct FaultyStore {
    store: Arc<SqliteStore>,
    folder: Option<TempDir>,
    faults: Mutex<Faults>,
    seen: watch::Sender<Seen>,
    released: watch::Sender<bool>,
    roll_ups_fail: AtomicBool,
}

/// What a [`FaultyStore`] saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Batches that were sent.
    pub(crate) tries: u64,
    /// Batches that the store took.
    pub(crate) taken: u64,
    /// The deltas of those.
    pub(crate) deltas: usize,
    /// Batches that were sent again after the store took them.
    pub(crate) duplicates: u64,
    /// Batches that the store took without saying so.
    pub(crate) lost_replies: u64,
    /// Batches that failed in SQLite itself.
    pub(crate) failures: u64,
    /// Of what kind the last of those was.
    pub(crate) last_failure: Option<StoreErrorKind>,
}

impl FaultyStore {
    pub(crate) async fn new(faults: impl FnMut(&Batch) -> Fault + Send + 'static) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("stats.db")).await.unwrap();
        Self::around(store, Some(folder), Box::new(faults))
    }

    pub(crate) async fn on(file: &Path) -> Arc<Self> {
        Self::around(SqliteStore::open(file).await.unwrap(), None, Box::new(|_| Fault::None))
    }

    fn around(store: SqliteStore, folder: Option<TempDir>, faults: Faults) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::new(store),
            folder,
            faults: Mutex::new(faults),
            seen: watch::Sender::default(),
            released: watch::Sender::default(),
            roll_ups_fail: AtomicBool::new(false),
        })
    }

    pub(crate) fn set_faults(&self, faults: impl FnMut(&Batch) -> Fault + Send + 'static) {
        *self.faults.lock().unwrap() = Box::new(faults);
    }

    /// Lets roll-ups fail, or no longer.
    pub(crate) fn fail_roll_ups(&self, fail: bool) {
        self.roll_ups_fail.store(fail, Ordering::SeqCst);
    }

    /// Lets the batches go on that wait, and all later ones.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    pub(crate) fn path(&self) -> &Path {
        self.store.path()
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    /// Waits until the store has seen enough.
    pub(crate) async fn until(&self, enough: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        let enough = timeout(Duration::from_hours(1), seen.wait_for(enough)).await.map(|seen| drop(seen.unwrap()));
        assert!(enough.is_ok(), "an hour later there is only {:?}", self.seen());
    }

    /// Hits in the file, those of impostors left out.
    pub(crate) async fn hits(&self) -> u64 {
        let report = self.store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap();
        let mine = report.endpoints.iter().filter(|found| found.endpoint.service().as_str() != "impostor");
        mine.map(|found| found.summary.counts.hits()).sum()
    }

    async fn commit(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let (store, sent) = (Arc::clone(&self.store), batch.clone());
        let runtime = Handle::current();
        let answer = spawn_blocking(move || runtime.block_on(store.apply(&sent))).await.unwrap();
        self.seen.send_modify(|seen| match &answer {
            Ok(Applied::Applied) => {
                seen.taken += 1;
                seen.deltas += batch.deltas.len();
            }
            Ok(Applied::Duplicate) => seen.duplicates += 1,
            Ok(Applied::Gap { .. }) => {}
            Err(error) => {
                seen.failures += 1;
                seen.last_failure = Some(error.kind());
            }
        });
        answer
    }

    async fn commit_without_a_word(&self, batch: &Batch) {
        if self.commit(batch).await.unwrap() == Applied::Applied {
            self.seen.send_modify(|seen| seen.lost_replies += 1);
        }
    }
}

fn impostor(batch: &Batch) -> Batch {
    let mut deltas = batch.deltas.clone();
    for delta in &mut deltas {
        let (method, route) = (delta.endpoint.method(), delta.endpoint.route().clone());
        let service = endpoint_stats_core::ServiceName::new("impostor").unwrap();
        delta.endpoint = Endpoint::new(service, method, route);
    }
    Batch::new(batch.writer, batch.seq, deltas)
}

fn fault(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "write a batch, as the test wants")
}

#[async_trait]
impl Around for FaultyStore {
    fn inner(&self) -> &dyn StatsStore {
        &self.store
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let fault_now = (self.faults.lock().unwrap())(batch);
        self.seen.send_modify(|seen| seen.tries += 1);
        match fault_now {
            Fault::None => self.commit(batch).await,
            Fault::LoseReply => {
                self.commit_without_a_word(batch).await;
                Err(fault(StoreErrorKind::Unavailable))
            }
            Fault::FailBefore => Err(fault(StoreErrorKind::Unavailable)),
            Fault::Wait => {
                self.released.subscribe().wait_for(|released| *released).await.unwrap();
                self.commit(batch).await
            }
            Fault::Reject => Err(fault(StoreErrorKind::Rejected)),
            Fault::Conflict => Err(fault(StoreErrorKind::Conflict)),
            Fault::Panic => {
                self.commit_without_a_word(batch).await;
                panic!("the store panics, as the test wants")
            }
            Fault::Forget => {
                sqlite3(self.path(), "DELETE FROM writer");
                self.commit(batch).await
            }
            Fault::Impostor => {
                self.store.apply(&impostor(batch)).await?;
                self.commit(batch).await
            }
        }
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        let (store, runtime) = (Arc::clone(&self.store), Handle::current());
        spawn_blocking(move || runtime.block_on(store.endpoints())).await.unwrap()
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        if self.roll_ups_fail.load(Ordering::SeqCst) {
            return Err(fault(StoreErrorKind::Unavailable));
        }
        self.store.roll_up(now, retention).await
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Runs SQL through the `sqlite3` program: another process, another build of SQLite.
pub(crate) fn sqlite3(file: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3").args(["-cmd", ".timeout 5000"]).arg(file).arg(sql).output();
    let output = output.expect("sqlite3 is installed by setup.sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A test that wants to see a fault only so often.
pub(crate) fn times(mut left: u32, fault: Fault) -> impl FnMut(&Batch) -> Fault + Send {
    move |_| {
        if left == 0 {
            return Fault::None;
        }
        left -= 1;
        fault
    }
}
