//! Promises 3, 7 and 10: stores that count a batch twice, not at all, or by the clock.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use endpoint_stats_core::aggregate::Delta;
use endpoint_stats_core::store::conformance;
use endpoint_stats_core::store::{
    Applied, Around, Batch, MemoryStore, Retention, RolledUp, StatsStore, StoreError, StoreErrorKind, WriterId,
};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use tokio::time::timeout;

use super::{must_fail, must_pass};

const A_MOMENT: Duration = Duration::from_millis(100);

/// A way to break a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nothing: the reference.
    NotAtAll,
    /// Every batch is added, whatever its number.
    AddsDuplicates,
    /// The same number with other content is taken for a retry.
    TakesConflictsForRetries,
    /// A batch that skips a number is added.
    IgnoresGaps,
    /// A batch is added and marked in two steps, and the process dies in between.
    MarksAfterAdding,
    /// Hits with a timestamp before one that is there are thought to be old.
    OrdersByTime,
    /// What two writers count for one endpoint replaces each other.
    LastWriterWins,
    /// Rolling up drops what is past its retention.
    DropsWhatItRollsUp,
    /// A batch is acknowledged, and added a moment later.
    AcknowledgesFirst,
    /// What a batch carries is kept only in parts.
    ForgetsConsumers,
}

#[derive(Debug)]
pub(crate) struct BrokenStore {
    how: Broken,
    memory: Arc<MemoryStore>,
    latest: Mutex<Option<Timestamp>>,
}

impl BrokenStore {
    pub(crate) fn new(how: Broken) -> Self {
        Self { how, memory: Arc::default(), latest: Mutex::default() }
    }

    /// Adds deltas past the mark, as a writer that nobody knows.
    async fn add(&self, deltas: Vec<Delta>) -> Result<Applied, StoreError> {
        self.memory.apply(&Batch::new(WriterId::random(), 1, deltas)).await
    }

    fn is_late(&self, batch: &Batch) -> bool {
        let mut latest = self.latest.lock().unwrap();
        let newest = batch.deltas.iter().map(|delta| delta.last_at).max();
        let late = newest < *latest;
        *latest = newest.max(*latest);
        late
    }
}

#[async_trait]
impl Around for BrokenStore {
    fn inner(&self) -> &dyn StatsStore {
        &self.memory
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        match self.how {
            Broken::AddsDuplicates => self.add(batch.deltas.clone()).await,
            Broken::AcknowledgesFirst => {
                let (memory, batch) = (Arc::clone(&self.memory), batch.clone());
                tokio::spawn(async move {
                    let _ = timeout(A_MOMENT, pending::<()>()).await;
                    memory.apply(&batch).await
                });
                Ok(Applied::Applied)
            }
            Broken::OrdersByTime if self.is_late(batch) => Ok(Applied::Duplicate),
            Broken::LastWriterWins if !self.memory.endpoints().await?.is_empty() => Ok(Applied::Applied),
            Broken::ForgetsConsumers => {
                let mut batch = batch.clone();
                batch.deltas.iter_mut().for_each(|delta| delta.counts.consumers.clear());
                self.memory.apply(&batch).await
            }
            Broken::TakesConflictsForRetries => match self.memory.apply(batch).await {
                Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(Applied::Duplicate),
                answer => answer,
            },
            Broken::IgnoresGaps => match self.memory.apply(batch).await {
                Ok(Applied::Gap { .. }) => self.add(batch.deltas.clone()).await,
                answer => answer,
            },
            Broken::MarksAfterAdding => {
                // The first try dies after adding: the mark is not there, the counts are.
                if self.memory.writer(batch.writer).await?.is_none() && self.memory.endpoints().await?.is_empty() {
                    self.add(batch.deltas.clone()).await?;
                    return Err(StoreError::new(StoreErrorKind::Unavailable, "write a batch"));
                }
                self.memory.apply(batch).await
            }
            _ => self.memory.apply(batch).await,
        }
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        let mut retention = *retention;
        if self.how == Broken::DropsWhatItRollsUp {
            retention.day_secs = Some(0);
            retention.hour_secs = 0;
        }
        self.memory.roll_up(now, &retention).await
    }
}

/// The check passes on the reference and fails on the broken store.
macro_rules! bites {
    ($name:ident, $promise:ident, $broken:ident) => {
        #[test]
        fn $name() {
            must_pass(async { conformance::$promise(&BrokenStore::new(Broken::NotAtAll)).await });
            must_fail(async { conformance::$promise(&BrokenStore::new(Broken::$broken)).await });
        }
    };
}

bites!(a_store_that_adds_duplicates_is_caught, a_batch_sent_twice_counts_once, AddsDuplicates);
bites!(a_store_that_adds_raced_copies_is_caught, a_batch_raced_by_many_counts_once, AddsDuplicates);
bites!(a_store_that_adds_late_copies_is_caught, an_old_batch_is_a_duplicate, AddsDuplicates);
bites!(
    a_store_that_swallows_conflicts_is_caught,
    the_same_number_with_other_content_is_a_conflict,
    TakesConflictsForRetries
);
bites!(a_store_that_ignores_gaps_is_caught, a_skipped_number_is_a_gap_and_changes_nothing, IgnoresGaps);
bites!(a_store_that_lets_one_writer_win_is_caught, two_writers_add_up, LastWriterWins);
bites!(a_store_that_drops_what_it_rolls_up_is_caught, rolling_up_changes_no_sum, DropsWhatItRollsUp);
bites!(a_store_that_forgets_consumers_is_caught, consumers_add_up, ForgetsConsumers);

/// A batch whose first try failed is sent again; afterwards each of its hits is there once.
async fn a_retry_counts_once(store: &dyn StatsStore) {
    let deltas = super::writer::some_deltas(3);
    let batch = Batch::new(WriterId::random(), 1, deltas);
    while store.apply(&batch).await.is_err() {}
    let hits: u64 = store.endpoints().await.unwrap().iter().map(|status| status.hits).sum();
    assert_eq!(hits, batch.hits());
}

#[test]
fn a_store_that_marks_after_it_adds_is_caught() {
    must_pass(async { a_retry_counts_once(&BrokenStore::new(Broken::NotAtAll)).await });
    must_fail(async { a_retry_counts_once(&BrokenStore::new(Broken::MarksAfterAdding)).await });
}

/// A batch counts by its number, also when the clock went back before it.
async fn a_clock_that_goes_back_loses_nothing(store: &dyn StatsStore) {
    let (writer, mut deltas) = (WriterId::random(), super::writer::some_deltas(1));
    store.apply(&Batch::new(writer, 1, deltas.clone())).await.unwrap();
    let earlier = deltas[0].last_at.minus_secs(3_600);
    deltas[0].window = Window::containing(earlier, Width::TenSeconds);
    (deltas[0].first_at, deltas[0].last_at) = (earlier, earlier);
    store.apply(&Batch::new(writer, 2, deltas)).await.unwrap();
    assert_eq!(store.endpoints().await.unwrap()[0].hits, 10);
}

#[test]
fn a_store_that_orders_by_time_is_caught() {
    must_pass(async { a_clock_that_goes_back_loses_nothing(&BrokenStore::new(Broken::NotAtAll)).await });
    must_fail(async { a_clock_that_goes_back_loses_nothing(&BrokenStore::new(Broken::OrdersByTime)).await });
}
