//! [`Steps`]: the steps of a page's charts.

use endpoint_stats_core::window::{TimeRange, Timestamp};

use crate::reading;

/// More steps than that are narrower than a chart can show.
const MOST_STEPS: i64 = 96;

/// Steps of one length, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) first: i64,
    pub(super) secs: i64,
    pub(super) count: usize,
}

impl Steps {
    /// The steps of a range, up to the one that is now.
    pub(super) fn of(range: TimeRange, now: Timestamp) -> Self {
        let secs = reading::shortest_step(range, MOST_STEPS);
        let first = range.from.as_unix() - range.from.as_unix().rem_euclid(secs);
        let end = range.to.as_unix().min(now.as_unix().max(range.from.as_unix()) + 1);
        let count = (end - first + secs - 1) / secs;
        Self { first, secs, count: usize::try_from(count).unwrap_or(1).max(1) }
    }

    /// Which step begins at a second, if it is one of these.
    pub(super) fn index(self, start: Timestamp) -> Option<usize> {
        let index = usize::try_from((start.as_unix() - self.first).div_euclid(self.secs)).ok()?;
        (index < self.count).then_some(index)
    }

    /// The first second of each step.
    pub(super) fn starts(self) -> impl Iterator<Item = i64> {
        (0_i64..).map(move |i| self.first + i * self.secs).take(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(from: i64, to: i64, now: i64) -> Steps {
        let at = Timestamp::from_unix;
        Steps::of(TimeRange::new(at(from), at(to)), at(now))
    }

    #[test]
    fn steps_end_with_the_one_that_is_now() {
        let day = steps(86_400, 2 * 86_400, 86_400 + 3_700);

        assert_eq!(day, Steps { first: 86_400, secs: 1_800, count: 3 });
        assert_eq!(day.index(Timestamp::from_unix(86_400 + 1_800)), Some(1));
        assert_eq!(day.index(Timestamp::from_unix(86_400 + 5_400)), None);
        assert_eq!(day.starts().last(), Some(86_400 + 3_600));
    }

    #[test]
    fn a_month_is_shown_in_days() {
        assert_eq!(steps(0, 30 * 86_400, 40 * 86_400), Steps { first: 0, secs: 86_400, count: 30 });
    }

    #[test]
    fn a_range_to_come_has_one_step() {
        assert_eq!(steps(86_400, 2 * 86_400, 0).count, 1);
    }
}
