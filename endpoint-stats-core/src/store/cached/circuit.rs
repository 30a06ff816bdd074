//! [`Circuit`]: stops asking what does not answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many failures in a row open the circuit.
const FAILURES: u32 = 3;
/// How long it stays open at first; twice as long after each probe that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Opens after three failures in a row, and lets one probe through when a pause is over.
///
/// It has no clock: every moment is handed in, as the time since some start.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
    // Moves when the circuit opens, closes or is probed: what was begun before that has no say in it.
    era: u64,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    until: Duration,
    pause: Duration,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Whoever likes to.
    Closed(Ticket),
    /// This caller alone, to find out.
    Probe(Ticket),
    /// Nobody.
    Open,
}

/// What an outcome is reported with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    era: u64,
}

/// What an outcome changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Closed,
}

impl Circuit {
    /// Says whether to ask. A probe that never reports is followed by another after a pause.
    pub(super) fn admit(&self, now: Duration) -> Admission {
        self.with(|state| match &mut state.open {
            None => Admission::Closed(Ticket { era: state.era }),
            Some(open) if now >= open.until => {
                open.until = now.saturating_add(open.pause);
                state.era += 1;
                Admission::Probe(Ticket { era: state.era })
            }
            Some(_) => Admission::Open,
        })
    }

    /// There was an answer.
    pub(super) fn succeeded(&self, ticket: Ticket) -> Option<Change> {
        self.with(|state| {
            if ticket.era != state.era {
                return None;
            }
            state.failures = 0;
            state.open.take().map(|_| {
                state.era += 1;
                Change::Closed
            })
        })
    }

    /// There was none, or not in time.
    pub(super) fn failed(&self, ticket: Ticket, now: Duration) -> Option<Change> {
        self.with(|state| {
            if ticket.era != state.era {
                return None;
            }
            if let Some(open) = &mut state.open {
                open.pause = open.pause.saturating_mul(2).min(LONGEST_PAUSE);
                open.until = now.saturating_add(open.pause);
                return None;
            }
            state.failures += 1;
            if state.failures < FAILURES {
                return None;
            }
            state.open = Some(Open { until: now.saturating_add(FIRST_PAUSE), pause: FIRST_PAUSE });
            state.era += 1;
            Some(Change::Opened)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn ticket(circuit: &Circuit, now: Duration) -> Ticket {
        match circuit.admit(now) {
            Admission::Closed(ticket) | Admission::Probe(ticket) => ticket,
            Admission::Open => panic!("open at {now:?}"),
        }
    }

    fn opened() -> Circuit {
        let circuit = Circuit::default();
        for _ in 0..FAILURES {
            circuit.failed(ticket(&circuit, START), START);
        }
        circuit
    }

    #[test]
    fn it_opens_after_three_failures_in_a_row() {
        let circuit = Circuit::default();

        let changes = [1, 2, 3].map(|_| circuit.failed(ticket(&circuit, START), START));

        assert_eq!(changes, [None, None, Some(Change::Opened)]);
        assert_eq!(circuit.admit(START), Admission::Open);
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let circuit = Circuit::default();

        for _ in 0..10 {
            circuit.failed(ticket(&circuit, START), START);
            circuit.failed(ticket(&circuit, START), START);
            assert_eq!(circuit.succeeded(ticket(&circuit, START)), None);
        }

        assert!(matches!(circuit.admit(START), Admission::Closed(_)));
    }

    #[test]
    fn one_probe_passes_when_the_pause_is_over() {
        let circuit = opened();

        assert_eq!(circuit.admit(START + Duration::from_millis(999)), Admission::Open);
        assert!(matches!(circuit.admit(START + FIRST_PAUSE), Admission::Probe(_)));
        assert_eq!(circuit.admit(START + FIRST_PAUSE), Admission::Open);
    }

    #[test]
    fn a_probe_that_is_answered_closes_it() {
        let circuit = opened();
        let probe = ticket(&circuit, START + FIRST_PAUSE);

        assert_eq!(circuit.succeeded(probe), Some(Change::Closed));

        assert!(matches!(circuit.admit(START + FIRST_PAUSE), Admission::Closed(_)));
    }

    #[test]
    fn the_pause_doubles_up_to_half_a_minute() {
        let circuit = opened();
        let (mut now, mut pauses) = (START, Vec::new());
        for _ in 0..7 {
            let started = now;
            while circuit.admit(now) == Admission::Open {
                now += Duration::from_secs(1);
            }
            pauses.push(now.saturating_sub(started).as_secs());
            let State { era, .. } = *circuit.0.lock().unwrap();
            circuit.failed(Ticket { era }, now);
        }

        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_probe_that_never_reports_is_followed_by_another() {
        let circuit = opened();
        ticket(&circuit, START + FIRST_PAUSE);

        assert!(matches!(circuit.admit(START + 2 * FIRST_PAUSE), Admission::Probe(_)));
    }

    #[test]
    fn what_was_begun_before_it_opened_changes_nothing_afterwards() {
        let circuit = Circuit::default();
        let many = [(); 100].map(|()| ticket(&circuit, START));

        let opened = many[..50].iter().filter_map(|ticket| circuit.failed(*ticket, START)).count();
        let closed = many[50..].iter().filter_map(|ticket| circuit.succeeded(*ticket)).count();

        assert_eq!((opened, closed), (1, 0));
        assert!(matches!(circuit.admit(START + FIRST_PAUSE), Admission::Probe(_)), "the pause is the first one still");
    }
}
