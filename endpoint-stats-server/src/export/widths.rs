//! [`Widths`]: how a range is cut, so that no window of a store is.

use endpoint_stats_core::window::Width;

const DAY_SECS: i64 = Width::Day.secs();

/// Lengths in seconds, each a part of the one before: whole days, then hours and minutes down to the step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widths(Vec<i64>);

impl Widths {
    /// The widths down to a step; `None` when windows do not fit whole into steps, or steps not into days.
    pub fn down_to(step_secs: i64) -> Option<Self> {
        let fits = |long: i64, short: i64| short > 0 && long % short == 0;
        if fits(step_secs, DAY_SECS) && step_secs > 0 {
            return Some(Self(vec![step_secs]));
        }
        let wider = Width::ALL.iter().rev().map(|width| width.secs()).filter(|secs| *secs > step_secs);
        let widths: Vec<_> = wider.chain([step_secs]).collect();
        let held = Width::ALL.iter().rev().map(|width| width.secs()).find(|secs| *secs <= step_secs)?;
        let is_nested = fits(step_secs, held) && widths.windows(2).all(|pair| fits(pair[0], pair[1]));
        is_nested.then_some(Self(widths))
    }

    /// The length at a level, 0 being the longest; `None` below the step.
    pub fn at(&self, level: usize) -> Option<i64> {
        self.0.get(level).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(step_secs: i64) -> Option<Vec<i64>> {
        Widths::down_to(step_secs).map(|widths| widths.0)
    }

    #[test]
    fn a_range_is_cut_into_days_hours_minutes_and_steps() {
        assert_eq!(widths(10), Some(vec![86_400, 3_600, 60, 10]));
        assert_eq!(widths(300), Some(vec![86_400, 3_600, 300]));
        assert_eq!(widths(21_600), Some(vec![86_400, 21_600]));
        assert_eq!(widths(7 * 86_400), Some(vec![7 * 86_400]));
    }

    #[test]
    fn a_step_that_would_cut_a_window_is_refused() {
        for secs in [-10, 0, 1, 5, 15, 90, 420, 5_400, 90_000] {
            assert_eq!(widths(secs), None, "{secs}");
        }
    }
}
