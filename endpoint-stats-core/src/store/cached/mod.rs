//! [`CachedStore`]: Redis in front of a durable store.
//!
//! The store answers a question once; whoever asks the same within a moment, in any process that shares the Redis, is
//! answered by Redis. What is written goes to the store alone.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use endpoint_stats_core::store::redis::RedisOptions;
//! use endpoint_stats_core::store::{CachedStore, MemoryStore};
//!
//! let redis = RedisOptions::from_url("redis://cache.example")?.with_namespace("shop");
//! let store = CachedStore::new(MemoryStore::default(), redis)?;
//!
//! assert_eq!(store.stats().hits, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # How old an answer may be
//!
//! An answer about a range that ended a minute ago or earlier is kept for 30 seconds, any other one for a second, and so
//! is [`endpoints`](StatsStore::endpoints); the time that the store took for it comes on top. A process reads its own
//! writes at once: a question about a time that it wrote to of late is answered only by what it asked since. So a
//! process that passes on the batches of many others gives them to [`inner`](CachedStore::inner): nobody here waits to
//! read them back, and each would cost the answers about the present.
//!
//! # When Redis fails
//!
//! The answers are those of the store, and their speed is that of the store. A look-up may take 50 milliseconds, from
//! waiting for a connection to the last byte. After three failures in a row Redis is left alone for a second, then for
//! 2, 4, … 30 seconds, until it answers a look-up that nobody waits for. Keeping an answer is never waited for. A value
//! proves itself by a checksum, and by the question it answers; whatever else lies under its key is as good as nothing,
//! and so is an answer that is older than it may be, as a Redis that forgets to forget would give it.
//!
//! That holds for accidents, not for enemies: whoever may write to the Redis can write answers.
//!
//! # What Redis needs
//!
//! `GETRANGE`, `SET` and `PING` on keys of the form `es1:<namespace>:q:<32 hexadecimal digits>`, each with a time to
//! live, so `maxmemory-policy allkeys-lru` fits. Two databases that share a Redis need a namespace each: a key does not
//! tell whose answer it is.

mod answers;
mod cache_stats;
mod circuit;
mod own_writes;
mod question;
mod single_flight;
mod value;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tracing::Instrument;
use tracing::field::Empty;
use uuid::Uuid;

pub use self::cache_stats::CacheStats;

use self::answers::{Answers, Found, Settings};
use self::cache_stats::Event;
use self::own_writes::OwnWrites;
use self::question::Question;
use self::single_flight::Flights;
use super::redis::RedisOptions;
use super::traced::part_of_current;
use super::{
    Applied, Batch, EndpointStatus, Message, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    StoreErrorKind, WriterId, WriterState,
};
use crate::clock::{Clock, Moment, SystemClock};
use crate::endpoint::Endpoint;
use crate::window::{TimeRange, Timestamp, Width, Window};

/// What a value may have in bytes, unless [`CachedStore::with_max_value_bytes`] says otherwise.
const MAX_VALUE_BYTES: usize = 1_000_000;

/// What a look-up may take, unless [`CachedStore::with_look_up_within`] says otherwise.
const LOOK_UP_WITHIN: Duration = Duration::from_millis(50);

const MAX_NAMESPACE_BYTES: usize = 128;

/// Answers from Redis what another store answered a moment ago; clones share everything. See the [module](self).
///
/// Questions run in tasks of their own: a caller that stops waiting stops nobody else.
pub struct CachedStore<S> {
    inner: Arc<S>,
    answers: Arc<Answers>,
    reports: Flights<StatsReport>,
    statuses: Flights<Vec<EndpointStatus>>,
    writes: Arc<Writes>,
}

/// What this process wrote of late, by what it changes the answers to.
#[derive(Debug)]
struct Writes {
    to_windows: OwnWrites,
    to_endpoints: OwnWrites,
}

/// Remembers a write when it has ended, also when nobody waited for its end.
struct Writing<'a> {
    answers: &'a Answers,
    writes: &'a OwnWrites,
    span: Option<TimeRange>,
}

impl<S: StatsStore + 'static> CachedStore<S> {
    /// Puts Redis in front of a store. Redis is connected to when the first question is asked, and may be away.
    ///
    /// # Errors
    ///
    /// `Rejected` when the namespace is empty or longer than 128 bytes. What is wrong with the address, [`RedisOptions`]
    /// refuses.
    pub fn new(inner: S, options: RedisOptions) -> Result<Self, StoreError> {
        if !(1..=MAX_NAMESPACE_BYTES).contains(&options.namespace.len()) {
            let what = "keep answers in Redis: expected a namespace of 1 to 128 bytes";
            return Err(StoreError::new(StoreErrorKind::Rejected, what));
        }
        let settings = Settings {
            options,
            clock: Arc::new(SystemClock),
            max_value_bytes: MAX_VALUE_BYTES,
            look_up_within: LOOK_UP_WITHIN,
        };
        let process = Uuid::new_v4();
        let writes = Writes { to_windows: OwnWrites::new(process), to_endpoints: OwnWrites::new(process) };
        Ok(Self {
            inner: Arc::new(inner),
            answers: Arc::new(Answers::new(settings, Moment::now())),
            reports: Flights::default(),
            statuses: Flights::default(),
            writes: Arc::new(writes),
        })
    }

    /// Keeps answers of up to so many bytes. Defaults to 1,000,000.
    ///
    /// A report takes about 300 bytes an endpoint with few callers, and up to 5,000 with many.
    #[must_use]
    pub fn with_max_value_bytes(self, bytes: usize) -> Self {
        self.with(|settings| settings.max_value_bytes = bytes.max(value::FRAME))
    }

    /// Waits so long for Redis to answer, connecting included. Defaults to 50 milliseconds.
    #[must_use]
    pub fn with_look_up_within(self, time: Duration) -> Self {
        self.with(|settings| settings.look_up_within = time)
    }

    /// Reads the time of day from another clock. Defaults to the machine's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|settings| settings.clock = Arc::new(clock))
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.answers.settings.clone();
        change(&mut settings);
        Self { answers: Arc::new(Answers::new(settings, self.answers.started)), ..self }
    }

    /// What Redis did for the questions so far.
    pub fn stats(&self) -> CacheStats {
        self.answers.tally.stats()
    }

    /// The store behind; what is asked there is asked anew.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Answers a question from Redis, or by work that is done once for all who ask it now.
    async fn answer<T, W>(
        &self,
        question: Question,
        flights: &Flights<T>,
        ask: impl FnOnce(Arc<S>) -> W + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Message,
        W: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (inner, answers) = (Arc::clone(&self.inner), Arc::clone(&self.answers));
        let span = part_of_current(|| tracing::debug_span!("cache", result = Empty));
        let work = async move {
            let found = answers.look_up(question).await;
            if let Found::Answer(answer) = found {
                return Ok(Arc::new(answer));
            }
            let asked_at = Moment::now();
            let answer = Arc::new(ask(inner).await?);
            if let Found::Nothing = found {
                answers.keep(question, Arc::clone(&answer), Moment::now().since(asked_at));
            }
            Ok(answer)
        };
        let (seat, is_shared) = flights.join(question.digest, || work.instrument(span.clone()));
        if is_shared {
            self.answers.tally.add(Event::Shared);
            span.record("result", Event::Shared.name());
        }
        seat.wait().instrument(span).await
    }

    fn elapsed(&self) -> Duration {
        self.answers.elapsed()
    }

    fn writing(&self, to: impl FnOnce(&Writes) -> &OwnWrites, span: Option<TimeRange>) -> Writing<'_> {
        Writing { answers: &self.answers, writes: to(&self.writes), span }
    }
}

#[async_trait]
impl<S: StatsStore + 'static> StatsStore for CachedStore<S> {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let span = span_of(batch);
        let _windows = self.writing(|writes| &writes.to_windows, span);
        let _endpoints = self.writing(|writes| &writes.to_endpoints, span.map(|_| TimeRange::ALL));
        self.inner.apply(batch).await
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        self.inner.writer(writer).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        let generation = self.writes.to_windows.last_in(query.range, self.elapsed());
        let question = Question::about(query, generation, self.answers.settings.clock.now());
        let query = query.clone();
        self.answer(question, &self.reports, |inner| async move { inner.query(&query).await }).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        let _endpoints = self.writing(|writes| &writes.to_endpoints, Some(TimeRange::ALL));
        self.inner.register(endpoints, at).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        let question = Question::about_endpoints(self.writes.to_endpoints.last_in(TimeRange::ALL, self.elapsed()));
        self.answer(question, &self.statuses, |inner| async move { inner.endpoints().await }).await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        let mut windows = self.writing(|writes| &writes.to_windows, Some(span_of_roll_up(now, retention)));
        let done = self.inner.roll_up(now, retention).await?;
        if done == RolledUp::default() {
            windows.span = None;
        }
        Ok(done)
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.inner.health().await
    }
}

/// The windows that a batch adds to.
fn span_of(batch: &Batch) -> Option<TimeRange> {
    let windows = batch.deltas.iter().map(|delta| delta.window);
    let from = windows.clone().map(Window::start).min()?;
    let to = windows.map(Window::end).max()?;
    Some(TimeRange::new(from, to))
}

/// The windows that a roll-up may move, and those they may move to.
fn span_of_roll_up(now: Timestamp, retention: &Retention) -> TimeRange {
    let last_end = |width: Width| {
        let cutoff = retention.cutoff(width, now)?;
        Some(width.wider().map_or(cutoff, |wider| Window::containing(cutoff, wider).end()))
    };
    TimeRange::new(Timestamp::from_unix(i64::MIN), Width::ALL.into_iter().filter_map(last_end).max().unwrap_or(now))
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if let Some(span) = self.span {
            self.writes.add(span, self.answers.elapsed());
        }
    }
}

impl<S> Clone for CachedStore<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            answers: Arc::clone(&self.answers),
            reports: self.reports.clone(),
            statuses: self.statuses.clone(),
            writes: Arc::clone(&self.writes),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for CachedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedStore")
            .field("inner", &self.inner)
            .field("redis", &self.answers.settings.options)
            .finish_non_exhaustive()
    }
}
