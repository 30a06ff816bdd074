//! [`Task`]: the loop that drains, writes down and sends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::backoff::Backoff;
use super::fleet::OwnHits;
use super::outbox::{Outbox, Written};
use super::pending::Pending;
use super::sender::Verdict;
use super::visit::{Answer, Visit, arrival};
use super::{Books, BooksView, FleetView, FlushConfig, ShutdownReport};
use crate::aggregate::Aggregator;
use crate::clock::Clock;
use crate::sketch::capped_sum;
use crate::store::{Applied, StatsStore, StoreError, StoreErrorKind};
use crate::telemetry::EndpointTotals;
use crate::telemetry::catalog::{FLUSHES, STORE_UP};

/// Before a disk that failed, or had no room, is asked again.
const DISK_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Task {
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
    sealing_paused_until: Option<Instant>,
    refresh_due: bool,
    own: OwnHits,
    books: Books,
    others: Others,
}

/// Whom a flusher tells what it knows.
pub(super) struct Others {
    pub(super) fleet: FleetView,
    pub(super) totals: EndpointTotals,
    pub(super) published: BooksView,
}

// === impl Task ===

impl Task {
    /// Puts a task together; its outbox may hold hits of an earlier run.
    pub(super) fn new(
        aggregator: Aggregator,
        store: Arc<dyn StatsStore>,
        clock: Arc<dyn Clock>,
        config: FlushConfig,
        (outbox, found): (Outbox, u64),
        others: Others,
    ) -> Self {
        begin_at_zero(&aggregator);
        Self {
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
            sealing_paused_until: None,
            refresh_due: true,
            own: OwnHits::default(),
            books: Books { found, spooled: found, ..Books::default() },
            others,
        }
    }

    pub(super) async fn run(mut self, mut stopped: oneshot::Receiver<Duration>) -> ShutdownReport {
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
                () = pause(self.sealing_paused_until) => self.sealing_paused_until = None,
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
        (self.paused_until, self.disk_paused_until, self.sealing_paused_until) = (None, None, None);
        while !(self.pending.is_empty() && self.outbox.is_empty()) {
            self.write_down();
            self.visit();
            tokio::select! {
                answer = arrival(&mut self.under_way) => self.take(answer),
                written = self.outbox.written(&mut self.pending) => self.take_in(written),
                () = pause(self.paused_until) => self.paused_until = None,
                () = pause(self.disk_paused_until) => self.disk_paused_until = None,
                () = pause(self.sealing_paused_until) => self.sealing_paused_until = None,
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
        self.others.totals.add_drained(&deltas);
        // A service with many endpoints is not short of memory because it was drained.
        let max = self.config.max_pending.max(2 * deltas.len());
        self.pending.add(deltas);
        self.pending.widen_to_fit(max);
    }

    /// Takes in what was written down.
    fn take_in(&mut self, written: Written) {
        self.books.give_up(written.dropped_full, written.dropped_unreadable);
        let pause = Some(Instant::now() + DISK_PAUSE);
        if written.failed {
            self.disk_paused_until = pause;
        }
        if written.took_none {
            self.sealing_paused_until = pause;
        }
    }

    fn write_down(&mut self) {
        if self.disk_paused_until.is_none() {
            let may_seal = self.sealing_paused_until.is_none();
            self.outbox.write_down(&mut self.pending, self.config.max_batch, may_seal);
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
        let visit = Visit { store: Arc::clone(&self.store), batch, look, service: name(&self.aggregator) };
        self.under_way = Some(visit.start());
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
            self.others.fleet.refresh(endpoints, &self.own);
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
        self.others.published.set(self.books);
    }
}

/// A counter whose first value comes late seems not to have risen at all.
fn begin_at_zero(aggregator: &Aggregator) {
    for result in FLUSHES.values_of("result") {
        FLUSHES.counter([name(aggregator).into(), (*result).into()]).increment(0);
    }
}

fn name(aggregator: &Aggregator) -> String {
    aggregator.service().as_str().to_owned()
}

pub(super) fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
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
