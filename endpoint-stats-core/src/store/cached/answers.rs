//! [`Answers`]: those that Redis keeps, or would if it were well.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::Span;

use super::cache_stats::{Event, Tally};
use super::circuit::{Admission, Change, Circuit, Ticket};
use super::question::Question;
use super::value;
use crate::clock::{Clock, Moment};
use crate::store::Message;
use crate::store::redis::RedisOptions;
use crate::store::redis::connections::Connections;
use crate::store::redis::error::Failure;
use crate::store::sealed::{self, CHECKSUM};
use crate::telemetry::catalog::CACHE_UP;

/// How long keeping an answer may take, and connecting; nobody waits for either.
const KEEP_WITHIN: Duration = Duration::from_secs(1);

/// How many answers may be on their way to Redis.
const MAX_KEEPING: usize = 4;

/// An answer that the store took longer for is not kept: it might be older than
/// [`REMEMBERED_FOR`](super::own_writes::REMEMBERED_FOR) allows.
const MAX_ANSWERING: Duration = Duration::from_mins(1);

/// How much clocks of different machines may differ, before they stop reading each other's answers.
const CLOCKS_DIFFER_SECS: i64 = 5;

/// The Redis side of a cache. Nothing here fails: what Redis does not give is missing.
pub(super) struct Answers {
    pub(super) settings: Settings,
    connections: OnceCell<Connections>,
    pub(super) started: Moment,
    look_ups: Circuit,
    // A full Redis answers look-ups and takes nothing.
    keeping: Circuit,
    places: Arc<Semaphore>,
    pub(super) tally: Tally,
}

/// What a cache is made with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) options: RedisOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) max_value_bytes: usize,
    /// How long a look-up may take, from waiting for a connection to the last byte.
    pub(super) look_up_within: Duration,
}

/// What became of a look-up.
pub(super) enum Found<T> {
    Answer(T),
    /// Redis has no answer; it would keep one.
    Nothing,
    /// Redis cannot be asked.
    Unknown,
}

impl Answers {
    pub(super) fn new(mut settings: Settings, started: Moment) -> Self {
        let within = settings.options.answer_within.min(KEEP_WITHIN);
        settings.options = settings.options.with_answer_within(within);
        CACHE_UP.gauge([]).set(1);
        Self {
            settings,
            connections: OnceCell::new(),
            started,
            look_ups: Circuit::default(),
            keeping: Circuit::default(),
            places: Arc::new(Semaphore::new(MAX_KEEPING)),
            tally: Tally::default(),
        }
    }

    /// Monotonic time.
    pub(super) fn elapsed(&self) -> Duration {
        Moment::now().since(self.started)
    }

    /// Asks Redis, unless it failed of late.
    pub(super) async fn look_up<T: Message>(self: &Arc<Self>, question: Question) -> Found<T> {
        let (found, event) = match self.look_ups.admit(self.elapsed()) {
            Admission::Closed(ticket) => match self.read(question, ticket).await {
                Ok(value) => match self.open(question, &value) {
                    Some(answer) => (Found::Answer(answer), Event::Hit),
                    None => (Found::Nothing, Event::Miss),
                },
                Err(()) => (Found::Unknown, Event::Error),
            },
            Admission::Probe(ticket) => {
                // Nobody waits for what will probably fail.
                let answers = Arc::clone(self);
                tokio::spawn(async move { drop(answers.read(question, ticket).await) });
                (Found::Unknown, Event::Bypass)
            }
            Admission::Open => (Found::Unknown, Event::Bypass),
        };
        self.tally.add(event);
        Span::current().record("result", event.name());
        found
    }

    /// Has an answer kept, by and by. `answered_in` is how long the store took for it.
    pub(super) fn keep<T: Message>(self: &Arc<Self>, question: Question, answer: Arc<T>, answered_in: Duration) {
        let Some((place, ticket)) = self.place_to_keep(answered_in) else {
            return self.tally.add(Event::Dropped);
        };
        let answers = Arc::clone(self);
        let answered_at = self.settings.clock.now();
        tokio::spawn(async move {
            let mut value = value::begin(&question.digest, answered_at);
            let is_small = answer.encode(&mut value, answers.settings.max_value_bytes - CHECKSUM).is_some();
            drop(answer);
            let event = if is_small {
                sealed::seal(&mut value);
                answers.write(question, value, ticket).await
            } else {
                Event::TooLarge
            };
            answers.tally.add(event);
            drop(place);
        });
    }

    fn place_to_keep(&self, answered_in: Duration) -> Option<(OwnedSemaphorePermit, Ticket)> {
        if answered_in > MAX_ANSWERING {
            return None;
        }
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        match self.keeping.admit(self.elapsed()) {
            Admission::Closed(ticket) | Admission::Probe(ticket) => Some((place, ticket)),
            Admission::Open => None,
        }
    }

    async fn read(self: &Arc<Self>, question: Question, ticket: Ticket) -> Result<Vec<u8>, ()> {
        let mut command = redis::cmd("GETRANGE");
        // One byte more than a value may have tells that it is none.
        command.arg(question.key(&self.settings.options.namespace)).arg(0).arg(self.settings.max_value_bytes);
        let reply = timeout(self.settings.look_up_within, self.ask(&command)).await;
        let value = match reply.unwrap_or(Err(Failure::NoAnswer("no answer came in time"))) {
            Ok(Value::BulkString(value)) => Ok(value),
            Ok(_) => Err(Failure::NoAnswer("the reply was of another kind than bytes")),
            // Something foreign has the key; an answer will replace it.
            Err(Failure::Redis(error)) if error.code() == Some("WRONGTYPE") => Ok(Vec::new()),
            Err(failure) => Err(failure),
        };
        self.report("answer questions", &self.look_ups, ticket, value.as_ref().err());
        value.map_err(drop)
    }

    async fn write(self: &Arc<Self>, question: Question, value: Vec<u8>, ticket: Ticket) -> Event {
        let mut command = redis::cmd("SET");
        let ttl = u64::try_from(question.ttl.as_millis()).unwrap_or(u64::MAX);
        command.arg(question.key(&self.settings.options.namespace)).arg(value).arg("PX").arg(ttl);
        let reply = timeout(KEEP_WITHIN, self.ask(&command)).await;
        let failure = reply.unwrap_or(Err(Failure::NoAnswer("no answer came in time"))).err();
        self.report("keep answers", &self.keeping, ticket, failure.as_ref());
        if failure.is_some() { Event::Failed } else { Event::Kept }
    }

    fn open<T: Message>(&self, question: Question, value: &[u8]) -> Option<T> {
        let (answered_at, answer) = value::open(value, &question.digest)?;
        let ttl = i64::try_from(question.ttl.as_secs()).unwrap_or(i64::MAX);
        let now = self.settings.clock.now();
        let is_of_now =
            now.minus_secs(ttl + CLOCKS_DIFFER_SECS) <= answered_at && answered_at <= now.plus_secs(CLOCKS_DIFFER_SECS);
        if is_of_now { T::decode(answer).ok() } else { None }
    }

    async fn ask(self: &Arc<Self>, command: &redis::Cmd) -> Result<Value, Failure> {
        let mut connection = self.connections().await?.get().await?;
        let reply = command.query_async(&mut connection).await;
        connection.give_back(reply.map_err(Failure::from))
    }

    /// Connects in a task of its own, which goes on when the one who asks has no more time.
    async fn connections(self: &Arc<Self>) -> Result<&Connections, Failure> {
        if let Some(connections) = self.connections.get() {
            return Ok(connections);
        }
        let answers = Arc::clone(self);
        let connected = tokio::spawn(async move {
            let connect = || Connections::new("cache", answers.settings.options.clone());
            answers.connections.get_or_try_init(connect).await.map(drop)
        });
        connected.await.unwrap_or(Err(Failure::NoAnswer("the task ended without an answer")))?;
        self.connections.get().ok_or(Failure::NoAnswer("the task ended without connections"))
    }

    fn report(&self, what: &str, circuit: &Circuit, ticket: Ticket, failure: Option<&Failure>) {
        let change = match failure {
            Some(_) => circuit.failed(ticket, self.elapsed()),
            None => circuit.succeeded(ticket),
        };
        if let Some(change) = change
            && std::ptr::eq(circuit, &raw const self.look_ups)
        {
            CACHE_UP.gauge([]).set(u8::from(change == Change::Closed));
        }
        let place = || self.settings.options.place();
        match (change, failure) {
            (Some(Change::Opened), Some(failure)) => {
                tracing::warn!(%failure, place = place(), "redis does not {what}; it is left alone for a while");
            }
            (Some(Change::Closed), _) => tracing::info!(place = place(), "redis does {what} again"),
            _ => {}
        }
    }
}
