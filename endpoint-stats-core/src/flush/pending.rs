//! [`Pending`]: what was drained and not yet sealed.

use std::collections::BTreeMap;

use crate::aggregate::Delta;
use crate::endpoint::Endpoint;
use crate::sketch::capped_sum;
use crate::window::{Width, Window};

/// Deltas waiting for a batch, at most one for each endpoint and window.
#[derive(Debug, Default)]
pub(super) struct Pending {
    deltas: BTreeMap<(Window, Endpoint), Delta>,
}

impl Pending {
    pub(super) fn add(&mut self, deltas: Vec<Delta>) {
        for delta in deltas {
            self.add_one(delta);
        }
    }

    fn add_one(&mut self, delta: Delta) {
        match self.deltas.get_mut(&(delta.window, delta.endpoint.clone())) {
            Some(present) => present.merge(&delta),
            None => drop(self.deltas.insert((delta.window, delta.endpoint.clone()), delta)),
        }
    }

    /// Takes the oldest deltas, at most `max`.
    pub(super) fn take(&mut self, max: usize) -> Vec<Delta> {
        std::iter::from_fn(|| self.deltas.pop_first()).map(|(_, delta)| delta).take(max).collect()
    }

    /// Merges narrow windows into wider ones, narrowest first, until at most `max` deltas are left or all are days.
    pub(super) fn widen_to_fit(&mut self, max: usize) {
        for width in Width::ALL {
            if self.deltas.len() <= max {
                return;
            }
            let Some(wider) = width.wider() else { return };
            let narrow: Vec<_> = self.deltas.extract_if(.., |(window, _), _| window.width() == width).collect();
            for (_, mut delta) in narrow {
                delta.window = delta.window.widened_to(wider);
                self.add_one(delta);
            }
        }
    }

    pub(super) fn hits(&self) -> u64 {
        self.deltas.values().fold(0, |sum, delta| capped_sum(sum, delta.counts.hits()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Counts;
    use crate::endpoint::{Method, Route, ServiceName};
    use crate::hit::Outcome;
    use crate::window::Timestamp;

    fn delta(route: &str, secs: i64) -> Delta {
        let at = Timestamp::from_unix(1_700_000_000 + secs);
        Delta {
            endpoint: Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new(route).unwrap()),
            window: Window::containing(at, Width::TenSeconds),
            first_at: at,
            last_at: at,
            counts: Counts { outcomes: [(Outcome::Status(200), 1)].into_iter().collect(), ..Counts::default() },
        }
    }

    #[test]
    fn hits_of_one_endpoint_and_window_merge() {
        let mut pending = Pending::default();
        pending.add(vec![delta("/a", 0), delta("/a", 1), delta("/b", 0)]);

        assert_eq!(pending.deltas.len(), 2);
        assert_eq!(pending.hits(), 3);
        assert_eq!(pending.take(9).len(), 2);
        assert!(pending.is_empty());
    }

    #[test]
    fn a_day_of_outage_fits_the_limit_and_loses_no_hit() {
        let mut pending = Pending::default();
        for secs in 0..86_400 {
            pending.add(vec![delta("/a", secs), delta("/b", secs)]);
            pending.widen_to_fit(100);
        }

        assert!(pending.deltas.len() <= 100, "{} deltas", pending.deltas.len());
        assert_eq!(pending.hits(), 2 * 86_400);
        let first = pending.take(1).remove(0);
        assert_eq!(first.first_at.as_unix(), 1_700_000_000);
    }
}
