//! [`Pulse`]: what a connection does now, told by the connection and read by those who may end it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::limits::ConnectionLimits;

/// What a connection does now, told by the connection and read by those who may end it.
#[derive(Debug)]
pub(super) struct Pulse {
    state: Mutex<State>,
    evicted: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// Since when the client takes nothing of what waits for it.
    stalled_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The head of a request is awaited, the first one or one that has begun.
    Head,
    /// Nothing has come since the last answer.
    Idle,
    /// A request is under way.
    Busy,
}

/// How little would be lost with a connection; the least is the first to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    is_idle: bool,
    since: Instant,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let state = State { phase: Phase::Head, since: Instant::now(), stalled_since: None };
        Self { state: Mutex::new(state), evicted: Notify::new() }
    }

    /// The first head is awaited from now on.
    pub(super) fn open(&self) {
        self.enter(Phase::Head);
    }

    /// A request is under way from now on.
    pub(super) fn busy(&self) {
        self.enter(Phase::Busy);
    }

    /// The answer has been handed over.
    pub(super) fn idle(&self) {
        self.enter(Phase::Idle);
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.phase = Phase::Head;
            state.since = Instant::now();
        }
    }

    /// The client took something.
    pub(super) fn flows(&self) {
        self.state().stalled_since = None;
    }

    /// The client takes nothing now.
    pub(super) fn stalls(&self) {
        self.state().stalled_since.get_or_insert_with(Instant::now);
    }

    /// When the connection has taken too long over what it does.
    pub(super) fn deadline(&self, limits: &ConnectionLimits) -> Option<Instant> {
        let state = self.state();
        let stalled = state.stalled_since.map(|since| since + limits.stall);
        let waiting = match state.phase {
            Phase::Head => Some(state.since + limits.head),
            Phase::Idle => Some(state.since + limits.idle),
            Phase::Busy => None,
        };
        match (stalled, waiting) {
            (Some(stalled), Some(waiting)) => Some(stalled.min(waiting)),
            (stalled, waiting) => stalled.or(waiting),
        }
    }

    /// What would be lost with the connection; `None` when somebody waits for an answer.
    pub(super) fn worth(&self) -> Option<Worth> {
        let state = self.state();
        let is_waiting = state.phase != Phase::Busy && state.stalled_since.is_none();
        is_waiting.then_some(Worth { is_idle: state.phase == Phase::Idle, since: state.since })
    }

    /// Asks the connection to end.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Waits until somebody asks for the end.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = phase;
        state.since = Instant::now();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Worth ===

impl Worth {
    /// Whether a request was answered on it, and none has begun since.
    pub(super) fn is_idle(self) -> bool {
        self.is_idle
    }
}
