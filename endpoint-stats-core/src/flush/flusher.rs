//! [`Flusher`]: the handle of the task that writes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::outbox::Outbox;
use super::roller::Roller;
use super::sender::Sender;
#[cfg(feature = "spool")]
use super::spool::Spool;
#[cfg(feature = "spool")]
use super::spooled::Spooled;
use super::task::{Others, Task};
use super::{Books, BooksView, FleetView, FlushConfig};
use crate::aggregate::Aggregator;
use crate::clock::Clock;
use crate::store::StatsStore;
use crate::telemetry::EndpointTotals;

/// Drains a recorder into a store, in a task of its own.
///
/// Dropped without [`shutdown`](Self::shutdown), it stops where it is: what is pending is lost.
#[derive(Debug)]
pub struct Flusher {
    stop: oneshot::Sender<Duration>,
    task: JoinHandle<ShutdownReport>,
    // Ends with the flusher, also when that is dropped.
    background: JoinSet<()>,
    books: BooksView,
    fleet: FleetView,
    totals: EndpointTotals,
}

/// What a shutdown could write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Where every hit is in the end: `pending` hits were not written in time and end with the process, `spooled` ones are on the
    /// disk, and the next run that opens the same folder sends them.
    pub books: Books,
}

// === impl Flusher ===

impl Flusher {
    /// Starts flushing.
    ///
    /// # Panics
    ///
    /// When called outside of a tokio runtime, or with an interval of zero.
    pub fn start(
        aggregator: Aggregator,
        store: Arc<dyn StatsStore>,
        clock: Arc<dyn Clock>,
        config: FlushConfig,
    ) -> Self {
        Self::start_with(aggregator, store, clock, config, (Outbox::Memory(Sender::new()), 0))
    }

    /// Starts flushing by way of a disk: a batch is in the spool before it is sent, and what an earlier run left there is
    /// sent first.
    ///
    /// # Panics
    ///
    /// When called outside of a tokio runtime, or with an interval of zero.
    #[cfg(feature = "spool")]
    pub fn start_with_spool(
        aggregator: Aggregator,
        store: Arc<dyn StatsStore>,
        clock: Arc<dyn Clock>,
        config: FlushConfig,
        spool: Spool,
    ) -> Self {
        let found = spool.found();
        let (journal, when_full) = spool.into_parts();
        Self::start_with(
            aggregator,
            store,
            clock,
            config,
            (Outbox::Disk(Box::new(Spooled::new(journal, when_full, found.damages))), found.hits),
        )
    }

    fn start_with(
        aggregator: Aggregator,
        store: Arc<dyn StatsStore>,
        clock: Arc<dyn Clock>,
        config: FlushConfig,
        (outbox, found): (Outbox, u64),
    ) -> Self {
        let books = BooksView::new(outbox.has_disk());
        let fleet = FleetView::new(aggregator.clone());
        let totals = EndpointTotals::default();
        let mut background = JoinSet::new();
        if let Some(retention) = config.retention {
            let roller = Roller {
                store: Arc::clone(&store),
                clock: Arc::clone(&clock),
                service: aggregator.service().as_str().to_owned(),
                retention,
            };
            background.spawn(roller.run(config.roll_up));
        }
        let (stop, stopped) = oneshot::channel();
        let others = Others { fleet: fleet.clone(), totals: totals.clone(), published: books.clone() };
        let task = Task::new(aggregator, store, clock, config, (outbox, found), others);
        Self { stop, task: tokio::spawn(task.run(stopped)), background, books, fleet, totals }
    }

    /// Where every hit is, as of the last drain or answer.
    pub fn books(&self) -> Books {
        self.books.books()
    }

    /// The same, for others to read while the flusher runs.
    pub fn books_view(&self) -> &BooksView {
        &self.books
    }

    /// What all processes counted together.
    pub fn fleet(&self) -> &FleetView {
        &self.fleet
    }

    /// What each endpoint counted since the process started, for Prometheus.
    pub fn totals(&self) -> &EndpointTotals {
        &self.totals
    }

    /// Drains once more, writes what is left, and stops; gives up when the deadline has passed.
    pub async fn shutdown(self, deadline: Duration) -> ShutdownReport {
        drop(self.background);
        let last_known = self.books.books();
        // The task ends by itself only when told to, so neither can fail.
        let _ = self.stop.send(deadline);
        self.task.await.unwrap_or(ShutdownReport { books: last_known })
    }
}
