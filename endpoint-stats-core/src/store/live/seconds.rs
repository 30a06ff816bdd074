//! [`Seconds`]: the last ten seconds, one by one.

use std::collections::{BTreeMap, VecDeque};

use super::message::{Message, ProcessId};
use super::{LiveEndpoint, LiveView, SECONDS, Scope};
use crate::aggregate::Delta;
use crate::endpoint::Endpoint;
use crate::sketch::capped_sum;

/// Endpoints that are kept apart in a second, of all processes.
const MOST_ENDPOINTS: usize = 20_000;

/// So many seconds without an echo of what this process says mean that it hears nobody.
const DEAF_AFTER: usize = 3;

/// The last seconds; the last of them is not over.
#[derive(Debug)]
pub(super) struct Seconds {
    seconds: VecDeque<Second>,
}

#[derive(Debug, Default)]
struct Second {
    own: BTreeMap<Endpoint, Counts>,
    others: BTreeMap<Endpoint, Counts>,
    heard: BTreeMap<ProcessId, bool>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    hits: u64,
    errors: u64,
}

impl Seconds {
    /// Adds what a batch of this process added.
    pub(super) fn note(&mut self, deltas: &[Delta]) {
        let own = &mut self.now().own;
        for delta in deltas {
            let counts = Counts { hits: delta.counts.hits(), errors: delta.counts.outcomes.errors() };
            add(own, &delta.endpoint, counts);
        }
    }

    /// Adds what was heard; this process's own words only say that it hears.
    pub(super) fn hear(&mut self, message: Message, is_own: bool) {
        let now = self.now();
        now.heard.insert(message.from, is_own);
        if !is_own {
            for LiveEndpoint { endpoint, hits, errors } in message.endpoints {
                add(&mut now.others, &endpoint, Counts { hits, errors });
            }
        }
    }

    /// Begins the next second, and returns what this process did in the one that ended.
    pub(super) fn end_second(&mut self) -> Vec<LiveEndpoint> {
        let ended = self.seconds.back().map(|second| list(&second.own)).unwrap_or_default();
        self.seconds.push_back(Second::default());
        while self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
        ended
    }

    pub(super) fn view(&self) -> LiveView {
        let is_hearing =
            self.seconds.iter().rev().take(DEAF_AFTER + 1).any(|second| second.heard.values().any(|own| *own));
        let mut sum = BTreeMap::new();
        let mut hits_by_second = [0; SECONDS];
        let first = SECONDS - self.seconds.len().min(SECONDS);
        for (second, hits) in self.seconds.iter().zip(&mut hits_by_second[first..]) {
            let others = second.others.iter().filter(|_| is_hearing);
            for (endpoint, counts) in second.own.iter().chain(others) {
                add(&mut sum, endpoint, *counts);
                *hits = capped_sum(*hits, counts.hits);
            }
        }
        let mut processes: Vec<_> = self.seconds.iter().flat_map(|second| second.heard.keys()).collect();
        processes.sort_unstable();
        processes.dedup();
        let scope = if is_hearing { Scope::Fleet { processes: processes.len() } } else { Scope::ThisProcess };
        LiveView { scope, endpoints: list(&sum), hits_by_second }
    }

    fn now(&mut self) -> &mut Second {
        if self.seconds.is_empty() {
            self.seconds.push_back(Second::default());
        }
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }
}

impl Default for Seconds {
    fn default() -> Self {
        Self { seconds: VecDeque::with_capacity(SECONDS + 1) }
    }
}

fn add(counted: &mut BTreeMap<Endpoint, Counts>, endpoint: &Endpoint, counts: Counts) {
    if counted.len() >= MOST_ENDPOINTS && !counted.contains_key(endpoint) {
        return;
    }
    let present = counted.entry(endpoint.clone()).or_default();
    present.hits = capped_sum(present.hits, counts.hits);
    present.errors = capped_sum(present.errors, counts.errors);
}

fn list(counted: &BTreeMap<Endpoint, Counts>) -> Vec<LiveEndpoint> {
    let live = |(endpoint, counts): (&Endpoint, &Counts)| LiveEndpoint {
        endpoint: endpoint.clone(),
        hits: counts.hits,
        errors: counts.errors,
    };
    counted.iter().map(live).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Method, Route, ServiceName};
    use crate::hit::Outcome;
    use crate::window::{Timestamp, Width, Window};

    fn endpoint() -> Endpoint {
        Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new("/a").unwrap())
    }

    fn deltas(hits: u64) -> Vec<Delta> {
        let window = Window::containing(Timestamp::EPOCH, Width::TenSeconds);
        let counts = crate::aggregate::Counts {
            outcomes: [(Outcome::Status(500), hits)].into_iter().collect(),
            ..crate::aggregate::Counts::default()
        };
        vec![Delta { endpoint: endpoint(), window, first_at: window.start(), last_at: window.start(), counts }]
    }

    fn said(from: ProcessId, hits: u64) -> Message {
        Message { from, endpoints: vec![LiveEndpoint { endpoint: endpoint(), hits, errors: 0 }] }
    }

    fn hits(seconds: &Seconds) -> u64 {
        seconds.view().endpoints.iter().map(|endpoint| endpoint.hits).sum()
    }

    #[test]
    fn a_hit_is_shown_for_ten_seconds() {
        let mut seconds = Seconds::default();
        seconds.note(&deltas(3));

        for _ in 0..SECONDS - 1 {
            seconds.end_second();
            assert_eq!(hits(&seconds), 3);
        }
        seconds.end_second();

        assert_eq!(hits(&seconds), 0);
    }

    #[test]
    fn a_second_is_said_once_when_it_is_over() {
        let mut seconds = Seconds::default();
        seconds.note(&deltas(3));
        seconds.note(&deltas(4));

        assert_eq!(seconds.end_second(), [LiveEndpoint { endpoint: endpoint(), hits: 7, errors: 7 }]);
        assert_eq!(seconds.end_second(), []);
    }

    #[test]
    fn others_are_shown_while_this_process_hears_itself() {
        let (mut seconds, own, other) = (Seconds::default(), ProcessId::random(), ProcessId::random());
        seconds.note(&deltas(3));
        seconds.hear(said(other, 5), false);
        assert_eq!((seconds.view().scope, hits(&seconds)), (Scope::ThisProcess, 3));

        seconds.hear(said(own, 3), true);
        assert_eq!((seconds.view().scope, hits(&seconds)), (Scope::Fleet { processes: 2 }, 8));

        for _ in 0..=DEAF_AFTER {
            seconds.end_second();
        }
        assert_eq!((seconds.view().scope, hits(&seconds)), (Scope::ThisProcess, 3));
    }

    #[test]
    fn seconds_stand_one_by_one() {
        let mut seconds = Seconds::default();
        seconds.note(&deltas(3));
        seconds.end_second();
        seconds.note(&deltas(4));

        let view = seconds.view();

        assert_eq!(view.hits_by_second[SECONDS - 2..], [3, 4]);
    }
}
