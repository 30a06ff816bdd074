//! Which rows a question needs: wide sums where the range holds them whole, narrow windows at its ends.

use super::windows::Table;
use crate::window::{TimeRange, Timestamp, Width};

/// Rows of one table that start in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) table: Table,
    pub(super) starts: TimeRange,
}

/// The parts that together hold each hit in a range once, windows that lie partly in it included.
///
/// A time series needs each row to lie in one step, so sums that are wider than its step are left alone.
pub(super) fn plan(range: TimeRange, step_secs: Option<i64>) -> Vec<Part> {
    let mut parts = Vec::new();
    // What is not covered by wider sums: at first everything, then the ends.
    let mut rest = vec![range];
    for width in Width::ALL.into_iter().rev() {
        let is_usable = width != Width::TenSeconds && step_secs.is_none_or(|step| step % width.secs() == 0);
        let mut ends = Vec::new();
        for range in rest {
            if range.is_empty() {
                continue;
            }
            parts.push(Part { table: Table::Windows(width), starts: touching(range, width) });
            match whole(range, width).filter(|_| is_usable) {
                Some(whole) => {
                    parts.push(Part { table: Table::Sums(width), starts: whole });
                    ends.push(TimeRange::new(range.from, whole.from));
                    ends.push(TimeRange::new(whole.to, range.to));
                }
                None => ends.push(range),
            }
        }
        rest = ends;
    }
    parts
}

/// Where the windows start that have a second in the range.
fn touching(range: TimeRange, width: Width) -> TimeRange {
    TimeRange::new(range.from.minus_secs(width.secs() - 1), range.to)
}

/// The windows that lie whole in the range.
fn whole(range: TimeRange, width: Width) -> Option<TimeRange> {
    let width = i128::from(width.secs());
    let (from, to) = (i128::from(range.from.as_unix()), i128::from(range.to.as_unix()));
    let from = i64::try_from((from + width - 1).div_euclid(width) * width).ok()?;
    let to = i64::try_from(to.div_euclid(width) * width).ok()?;
    (from < to).then(|| TimeRange::new(Timestamp::from_unix(from), Timestamp::from_unix(to)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::window::Window;

    /// A window, and the sums that hold it too: how often do the parts read it?
    fn times_read(parts: &[Part], window: Window) -> usize {
        let holds = |part: &&Part| {
            let start = match part.table {
                Table::Windows(width) if width == window.width() => window.start(),
                Table::Sums(width) if width > window.width() => window.widened_to(width).start(),
                _ => return false,
            };
            part.starts.from <= start && start < part.starts.to
        };
        parts.iter().filter(holds).count()
    }

    proptest! {
        #[test]
        fn each_window_in_the_range_is_read_once_and_no_other_is(
            from in -200_000..200_000_i64,
            length in 0..400_000_i64,
            at in -300_000..700_000_i64,
            width in prop::sample::select(Width::ALL.to_vec()),
            step in prop::option::of(prop::sample::select(vec![1_i64, 10, 60, 90, 3_600, 86_400])),
        ) {
            let range = TimeRange::new(Timestamp::from_unix(from), Timestamp::from_unix(from + length));
            let window = Window::containing(Timestamp::from_unix(at), width);

            let times = times_read(&plan(range, step), window);

            prop_assert_eq!(times, usize::from(window.overlaps(range)));
        }
    }

    #[test]
    fn thirty_whole_days_are_read_as_days() {
        let range = TimeRange::new(Timestamp::EPOCH, Timestamp::from_unix(30 * 86_400));

        let tables: Vec<_> = plan(range, None).iter().map(|part| part.table).collect();

        assert_eq!(tables, [Table::Windows(Width::Day), Table::Sums(Width::Day)]);
    }

    #[test]
    fn all_time_is_no_overflow() {
        assert!(!plan(TimeRange::ALL, Some(60)).is_empty());
    }
}
