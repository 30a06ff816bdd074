//! [`Flusher`]: the task that writes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tracing::{Instrument, Span};

use super::backoff::Backoff;
use super::fleet::OwnHits;
use super::outbox::{Outbox, Written};
use super::pending::Pending;
use super::roller::Roller;
use super::sender::{Sender, Verdict};
#[cfg(feature = "spool")]
use super::spool::Spool;
#[cfg(feature = "spool")]
use super::spooled::Spooled;
use super::{Books, BooksView, FleetView, FlushConfig};
use crate::aggregate::Aggregator;
use crate::clock::{Clock, Moment};
use crate::sketch::capped_sum;
use crate::store::{Applied, Batch, EndpointStatus, StatsStore, StoreError, StoreErrorKind};
use crate::telemetry::EndpointTotals;
use crate::telemetry::catalog::{FLUSH_DURATION, FLUSHES, STORE_UP};

/// Before a disk that failed is written to again.
const DISK_PAUSE: Duration = Duration::from_secs(1);

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
    /// Where every hit is in the end; `pending` hits were not written in time.
    pub books: Books,
}

struct Task {
    aggregator: Aggregator,
    store: Arc<dyn StatsStore>,
    clock: Arc<dyn Clock>,
    config: FlushConfig,
    pending: Pending,
    outbox: Outbox,
    under_way: Option<JoinHandle<Answer>>,
    backoff: Backoff,
    paused_until: Option<Instant>,
    disk_paused_until: Option<Instant>,
    refresh_due: bool,
    own: OwnHits,
    fleet: FleetView,
    totals: EndpointTotals,
    books: Books,
    published: BooksView,
}

/// What a visit to the store brought back.
struct Answer {
    applied: Option<Result<Applied, StoreError>>,
    is_up: bool,
    endpoints: Option<Vec<EndpointStatus>>,
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
        let found = spool.found().hits;
        Self::start_with(aggregator, store, clock, config, (Outbox::Disk(Spooled::new(spool)), found))
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
            let roller =
                Roller { store: Arc::clone(&store), clock: Arc::clone(&clock), service: name(&aggregator), retention };
            background.spawn(roller.run(config.roll_up));
        }
        let (stop, stopped) = oneshot::channel();
        begin_at_zero(&aggregator);
        let task = Task {
            aggregator,
            store,
            clock,
            config,
            pending: Pending::default(),
            outbox,
            under_way: None,
            backoff: Backoff::new(),
            paused_until: None,
            disk_paused_until: None,
            refresh_due: true,
            own: OwnHits::default(),
            fleet: fleet.clone(),
            totals: totals.clone(),
            books: Books { found, spooled: found, ..Books::default() },
            published: books.clone(),
        };
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

// === impl Task ===

impl Task {
    async fn run(mut self, mut stopped: oneshot::Receiver<Duration>) -> ShutdownReport {
        let mut drains = ticks(self.config.interval);
        let mut refreshes = ticks(self.config.refresh);
        loop {
            tokio::select! {
                _ = drains.tick() => self.drain(),
                _ = refreshes.tick() => self.refresh_due = true,
                answer = arrival(&mut self.under_way) => self.take(answer),
                written = self.outbox.written(&mut self.pending) => self.take_in(written),
                () = pause(self.paused_until) => self.paused_until = None,
                () = pause(self.disk_paused_until) => self.disk_paused_until = None,
                deadline = &mut stopped => return self.finish(deadline.ok()).await,
            }
            self.write_down();
            self.visit();
            self.publish();
        }
    }

    /// Writes what is left. Without a deadline the flusher was dropped, and nobody waits.
    async fn finish(mut self, deadline: Option<Duration>) -> ShutdownReport {
        let Some(deadline) = deadline else {
            return ShutdownReport { books: self.books };
        };
        let end = Instant::now() + deadline;
        self.drain();
        self.paused_until = None;
        while !(self.pending.is_empty() && self.outbox.is_empty()) {
            self.write_down();
            self.visit();
            tokio::select! {
                answer = arrival(&mut self.under_way) => self.take(answer),
                written = self.outbox.written(&mut self.pending) => self.take_in(written),
                () = pause(self.paused_until) => self.paused_until = None,
                () = pause(self.disk_paused_until) => self.disk_paused_until = None,
                () = sleep_until(end) => break,
            }
        }
        self.publish();
        if self.books.pending > 0 {
            tracing::error!(hits = self.books.pending, "hits not written before the shutdown's deadline");
        }
        ShutdownReport { books: self.books }
    }

    fn drain(&mut self) {
        let deltas = self.aggregator.drain(self.clock.now());
        let hits = deltas.iter().map(|delta| delta.counts.hits()).fold(0, capped_sum);
        self.books.observed = capped_sum(self.books.observed, hits);
        self.totals.add_drained(&deltas);
        self.pending.add(deltas);
        self.pending.widen_to_fit(self.config.max_pending);
    }

    /// Takes in what was written down.
    fn take_in(&mut self, written: Written) {
        self.books.give_up(written.dropped_full, written.dropped_unreadable);
        if written.failed {
            self.disk_paused_until = Some(Instant::now() + DISK_PAUSE);
        }
    }

    fn write_down(&mut self) {
        if self.disk_paused_until.is_none() {
            self.outbox.write_down(&mut self.pending, self.config.max_batch);
        }
    }

    /// Goes to the store, if there is a reason to and nobody is on the way: with a batch, or only to look.
    fn visit(&mut self) {
        if self.under_way.is_some() || self.paused_until.is_some() {
            return;
        }
        let batch = self.outbox.next(&mut self.pending, self.config.max_batch);
        if batch.is_none() && !self.refresh_due {
            return;
        }
        let look = std::mem::take(&mut self.refresh_due);
        let service = name(&self.aggregator);
        // A task of its own: nothing this one does can cut a write in half.
        let span = span_of(batch.as_deref());
        let visit = there_and_back(Arc::clone(&self.store), batch, look, service);
        self.under_way = Some(tokio::spawn(visit.instrument(span)));
    }

    fn take(&mut self, answer: Option<Answer>) {
        let Some(Answer { applied, is_up, endpoints }) = answer else {
            tracing::error!("the store panicked; the batch is kept and sent again");
            self.note_store(false);
            self.fail();
            return;
        };
        self.note_store(is_up);
        if let Some(applied) = applied {
            self.conclude(&applied);
        }
        if let Some(endpoints) = endpoints {
            self.fleet.refresh(endpoints, &self.own);
        }
    }

    fn conclude(&mut self, answer: &Result<Applied, StoreError>) {
        let verdict = self.outbox.judge(answer);
        self.count(answer);
        match verdict {
            Verdict::Stored { batch, is_own } => {
                self.books.stored = capped_sum(self.books.stored, batch.hits());
                if is_own {
                    self.own.add(&batch);
                }
                self.backoff.reset();
            }
            Verdict::Dropped(batch) => {
                self.books.dropped = capped_sum(self.books.dropped, batch.hits());
                let endpoint = batch.deltas.first().map(|delta| delta.endpoint.to_string());
                tracing::error!(hits = batch.hits(), endpoint, error = chain(answer), "hits dropped");
            }
            Verdict::Failed => {
                tracing::warn!(error = chain(answer), "flush failed, hits are kept");
                self.fail();
            }
            Verdict::Renamed => {
                tracing::warn!(?answer, "the store lost track of this writer; going on as a new one");
                self.fail();
            }
            Verdict::Halved => {
                tracing::warn!(error = chain(answer), "batch refused, sending it in halves");
            }
        }
    }

    fn fail(&mut self) {
        let pause = self.backoff.pause(getrandom::u32().unwrap_or(u32::MAX));
        self.paused_until = Some(Instant::now() + pause);
    }

    fn count(&self, answer: &Result<Applied, StoreError>) {
        let result = match answer {
            Ok(Applied::Applied) => "applied",
            Ok(Applied::Duplicate) => "duplicate",
            Ok(Applied::Gap { .. }) => "gap",
            Err(error) => match error.kind() {
                StoreErrorKind::Conflict => "conflict",
                StoreErrorKind::Rejected => "rejected",
                StoreErrorKind::Unavailable | StoreErrorKind::Corrupt => "failed",
            },
        };
        FLUSHES.counter([name(&self.aggregator).into(), result.into()]).increment(1);
    }

    fn note_store(&self, is_up: bool) {
        STORE_UP.gauge([name(&self.aggregator).into()]).set(u8::from(is_up));
    }

    fn publish(&mut self) {
        self.books.pending = capped_sum(self.pending.hits(), self.outbox.hits_in_memory());
        self.books.spooled = self.outbox.hits_on_disk();
        debug_assert!(self.books.balance(), "{:?}", self.books);
        self.books.publish(&self.aggregator);
        #[cfg(feature = "spool")]
        self.outbox.publish(self.aggregator.service().as_str());
        self.published.set(self.books);
    }
}

/// A flush is a trace of its own; a look, which is made twice a second, is none.
fn span_of(batch: Option<&Batch>) -> Span {
    batch.map_or_else(Span::none, |batch| {
        tracing::info_span!(parent: None, "flush", seq = batch.seq, deltas = batch.deltas.len(), hits = batch.hits())
    })
}

/// Applies a batch, if there is one, and reads what the store then holds, if asked or something was applied.
async fn there_and_back(store: Arc<dyn StatsStore>, batch: Option<Arc<Batch>>, look: bool, service: String) -> Answer {
    let applied = match batch {
        Some(batch) => {
            let sent_at = Moment::now();
            let applied = store.apply(&batch).await;
            FLUSH_DURATION.histogram([service.into()]).record(Moment::now().since(sent_at).as_secs_f64());
            Some(applied)
        }
        None => None,
    };
    // After a failure nobody knows which of this process's hits are there.
    let known = matches!(applied, None | Some(Ok(Applied::Applied | Applied::Duplicate)));
    let looked = if known && look { Some(store.endpoints().await) } else { None };
    let is_up = !applied.as_ref().is_some_and(is_away) && !looked.as_ref().is_some_and(is_away);
    Answer { applied, is_up, endpoints: looked.and_then(Result::ok) }
}

/// A counter whose first value comes late seems not to have risen at all.
fn begin_at_zero(aggregator: &Aggregator) {
    for result in FLUSHES.values_of("result") {
        FLUSHES.counter([name(aggregator).into(), (*result).into()]).increment(0);
    }
}

/// Whether the store could not be reached; one that refuses something is there.
fn is_away<T>(answer: &Result<T, StoreError>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Unavailable)
}

fn name(aggregator: &Aggregator) -> String {
    aggregator.service().as_str().to_owned()
}

pub(super) fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The answer of whoever is on the way, `None` if it panicked; never, if nobody is.
async fn arrival(under_way: &mut Option<JoinHandle<Answer>>) -> Option<Answer> {
    let Some(task) = under_way else {
        return std::future::pending().await;
    };
    let answer = task.await;
    *under_way = None;
    answer.ok()
}

async fn pause(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

fn chain(answer: &Result<Applied, StoreError>) -> Option<String> {
    answer.as_ref().err().map(describe)
}

pub(super) fn describe(error: &StoreError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
