//! Hits of the last seconds, of all processes: [`LiveFeed`].
//!
//! Each process says once a second, on a Pub/Sub channel of Redis, what its batches added; each hears what the others say.
//! Nothing is kept, so what is lost on the way is missing for ten seconds and in no other number. A process that does not
//! hear itself knows that it hears nobody, and says so.
//!
//! ```
//! use endpoint_stats_core::store::live::{LiveFeed, Scope};
//! use endpoint_stats_core::store::MemoryStore;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let feed = LiveFeed::of_this_process();
//! let store = feed.listening_to(MemoryStore::default());
//! # drop(store);
//! let live = feed.view();
//! assert_eq!(live.scope, Scope::ThisProcess);
//! assert!(live.endpoints.is_empty());
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod channel;
#[cfg(feature = "test-util")]
pub(crate) mod fuzzed;
mod message;
mod seconds;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio::time::{Duration, MissedTickBehavior};

use self::message::{Message, ProcessId};
use self::seconds::Seconds;
use super::redis::RedisOptions;
use super::{Batch, Listener, ListeningStore};
use crate::endpoint::Endpoint;

/// How far back a view looks.
pub const SECONDS: usize = 10;

/// Hits of the last ten seconds; clones share them.
#[derive(Clone, Debug)]
pub struct LiveFeed {
    state: Arc<State>,
}

/// What was flushed in the last ten seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveView {
    /// Whose hits these are.
    pub scope: Scope,
    /// Hits and errors of each endpoint, in the order of their names.
    pub endpoints: Vec<LiveEndpoint>,
    /// Hits of all endpoints second by second, the oldest first; the last second is not over yet.
    pub hits_by_second: [u64; SECONDS],
}

/// What one endpoint did in the last ten seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEndpoint {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its hits.
    pub hits: u64,
    /// Those of its hits that are errors of the service.
    pub errors: u64,
}

/// Whose hits are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that went through this process: there is no Redis, or it is not heard.
    ThisProcess,
    /// Those of all processes that share a channel.
    Fleet {
        /// How many were heard within the last ten seconds, this one included.
        processes: usize,
    },
}

#[derive(Debug)]
struct State {
    id: ProcessId,
    seconds: Mutex<Seconds>,
    // The end of the task that counts the seconds, when nobody looks any more.
    tasks: Mutex<Vec<AbortHandle>>,
}

impl LiveFeed {
    /// A feed of what goes through this process. Must be called within a Tokio runtime.
    pub fn of_this_process() -> Self {
        Self::start(None)
    }

    /// A feed of what goes through all processes that name the same Redis and namespace. Must be called within a Tokio
    /// runtime; a Redis that is away is tried again for as long as the feed lives.
    pub fn of_the_fleet(options: RedisOptions) -> Self {
        Self::start(Some(options))
    }

    fn start(options: Option<RedisOptions>) -> Self {
        let state = Arc::new(State { id: ProcessId::random(), seconds: Mutex::default(), tasks: Mutex::default() });
        let (said, heard) = tokio::sync::watch::channel(Arc::new(Vec::new()));
        let mut tasks = vec![tokio::spawn(count_seconds(Arc::downgrade(&state), said)).abort_handle()];
        if let Some(options) = options {
            tasks.push(tokio::spawn(channel::speak(options.clone(), heard)).abort_handle());
            tasks.push(tokio::spawn(channel::listen(options, Arc::downgrade(&state))).abort_handle());
        }
        *state.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        Self { state }
    }

    /// A store that tells the feed of each batch that it takes.
    pub fn listening_to<S>(&self, store: S) -> ListeningStore<S, Self> {
        ListeningStore::new(store, self.clone())
    }

    /// What is known now.
    pub fn view(&self) -> LiveView {
        self.state.seconds().view()
    }
}

impl Listener for LiveFeed {
    fn applied(&self, batch: &Batch) {
        self.state.seconds().note(&batch.deltas);
    }
}

/// Ends a second once a second, and hands on what is to be said about it.
async fn count_seconds(state: std::sync::Weak<State>, said: tokio::sync::watch::Sender<Arc<Vec<u8>>>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(state) = state.upgrade() else { return };
        let endpoints = state.seconds().end_second();
        said.send_replace(Arc::new(Message { from: state.id, endpoints }.encode()));
    }
}

impl State {
    fn seconds(&self) -> MutexGuard<'_, Seconds> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was said on the channel; what cannot be read is nothing.
    fn hear(&self, message: &[u8]) {
        let Ok(message) = Message::decode(message) else { return };
        let is_own = message.from == self.id;
        self.seconds().hear(message, is_own);
    }
}

impl Drop for State {
    fn drop(&mut self) {
        for task in self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}
