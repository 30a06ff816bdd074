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
    /// The answer is complete, and not all of it has left.
    Answered,
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

    /// The first head is awaited from now on, and not since the connection was taken: that was for the handshake. Without
    /// one this is not called, so that connections are as old as they came, in whatever order they are first looked at.
    pub(super) fn open(&self) {
        self.enter(Phase::Head);
    }

    /// A request is under way from now on.
    pub(super) fn busy(&self) {
        self.enter(Phase::Busy);
    }

    /// The whole answer has been handed over, and may still be on its way out.
    pub(super) fn answered(&self) {
        self.enter(Phase::Answered);
    }

    /// What was handed over has left.
    pub(super) fn flushed(&self) {
        let is_answered = self.state().phase == Phase::Answered;
        if is_answered {
            self.enter(Phase::Idle);
        }
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
            Phase::Busy | Phase::Answered => None,
        };
        match (stalled, waiting) {
            (Some(stalled), Some(waiting)) => Some(stalled.min(waiting)),
            (stalled, waiting) => stalled.or(waiting),
        }
    }

    /// What would be lost with the connection; `None` when somebody waits for an answer.
    pub(super) fn worth(&self) -> Option<Worth> {
        let state = self.state();
        let is_waited_for = matches!(state.phase, Phase::Busy | Phase::Answered) || state.stalled_since.is_some();
        (!is_waited_for).then_some(Worth { is_idle: state.phase == Phase::Idle, since: state.since })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn limits() -> ConnectionLimits {
        ConnectionLimits::default()
    }

    fn time_left(pulse: &Pulse) -> Option<Duration> {
        pulse.deadline(&limits()).map(|deadline| deadline - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_from_its_first_byte() {
        let pulse = Pulse::new();
        pulse.answered();
        pulse.flushed();
        assert_eq!(time_left(&pulse), Some(limits().idle));

        pulse.received();
        advance(Duration::from_secs(1)).await;
        pulse.received();

        assert_eq!(time_left(&pulse), Some(limits().head.saturating_sub(Duration::from_secs(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_on_its_way_out_is_not_idle() {
        let pulse = Pulse::new();
        pulse.busy();

        pulse.answered();

        assert_eq!((time_left(&pulse), pulse.worth()), (None, None));
        pulse.flushed();
        assert!(pulse.worth().unwrap().is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_has_no_deadline_of_its_connection() {
        let pulse = Pulse::new();
        pulse.busy();
        pulse.flushed();

        assert_eq!((time_left(&pulse), pulse.worth()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_has_its_time_until_it_takes_something() {
        let pulse = Pulse::new();
        pulse.busy();
        pulse.stalls();
        advance(Duration::from_secs(1)).await;
        pulse.stalls();
        assert_eq!(time_left(&pulse), Some(limits().stall.saturating_sub(Duration::from_secs(1))));

        pulse.flows();

        assert_eq!(time_left(&pulse), None);
    }
}
