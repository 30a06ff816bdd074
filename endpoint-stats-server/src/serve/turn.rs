//! [`Turns`]: how many requests are worked on, and [`Turn`]: one of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many requests are worked on at once, at most.
#[derive(Debug)]
pub(super) struct Turns {
    max: usize,
    taken: AtomicUsize,
}

/// A request that is worked on, until it is dropped; not while it waits for its client.
#[derive(Debug)]
pub(super) struct Turn(Arc<Clock>);

/// A turn as the request's body sees it: it stops and goes on.
#[derive(Clone, Debug)]
pub(super) struct TurnClock(Arc<Clock>);

#[derive(Debug)]
struct Clock {
    turns: Arc<Turns>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waited: Duration,
    waiting_since: Option<Instant>,
    has_given_up: bool,
    is_over: bool,
}

// === impl Turns ===

impl Turns {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: AtomicUsize::new(0) })
    }

    /// A turn, if there is one.
    pub(super) fn take(self: &Arc<Self>) -> Option<Turn> {
        let more = |taken| (taken < self.max).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Turn(Arc::new(Clock { turns: Arc::clone(self), state: Mutex::default() })))
    }

    /// Takes one even if there is none left: the request has begun already.
    fn take_back(&self) {
        self.taken.fetch_add(1, Ordering::AcqRel);
    }

    fn give(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

// === impl Turn ===

impl Turn {
    pub(super) fn clock(&self) -> TurnClock {
        TurnClock(Arc::clone(&self.0))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_over = true;
        if state.waiting_since.is_none() {
            self.0.turns.give();
        }
    }
}

// === impl TurnClock ===

impl TurnClock {
    /// The request waits for its client from now on.
    pub(super) fn stop(&self) {
        let mut state = self.0.state();
        if state.waiting_since.is_none() {
            state.waiting_since = Some(Instant::now());
            if !state.is_over {
                self.0.turns.give();
            }
        }
    }

    /// The client sent something.
    pub(super) fn go_on(&self) {
        let mut state = self.0.state();
        if let Some(since) = state.waiting_since.take() {
            state.waited += since.elapsed();
            if !state.is_over {
                self.0.turns.take_back();
            }
        }
    }

    /// The client is not waited for any longer.
    pub(super) fn give_up(&self) {
        self.go_on();
        self.0.state().has_given_up = true;
    }

    pub(super) fn has_given_up(&self) -> bool {
        self.0.state().has_given_up
    }

    /// How long the request has waited for its client.
    pub(super) fn waited(&self) -> Duration {
        let state = self.0.state();
        state.waited + state.waiting_since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

// === impl Clock ===

impl Clock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn there_are_only_so_many_turns() {
        let turns = Turns::new(2);
        let (first, _second) = (turns.take().unwrap(), turns.take().unwrap());
        assert!(turns.take().is_none());

        drop(first);

        assert!(turns.take().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_for_its_client_takes_no_turn() {
        let turns = Turns::new(1);
        let slow = turns.take().unwrap();
        slow.clock().stop();
        let quick = turns.take().expect("a turn");
        tokio::time::advance(Duration::from_secs(3)).await;
        slow.clock().go_on();
        drop(quick);
        assert!(turns.take().is_none());

        assert_eq!(slow.clock().waited(), Duration::from_secs(3));
        drop(slow);

        assert!(turns.take().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_outlives_its_request_takes_no_turn() {
        let turns = Turns::new(1);
        let turn = turns.take().unwrap();
        let clock = turn.clock();
        clock.stop();
        drop(turn);
        clock.go_on();
        clock.stop();

        let last = turns.take().expect("a turn");

        assert!(turns.take().is_none());
        drop(last);
        assert!(turns.take().is_some());
    }
}
