//! Which rows a question needs: wide sums where the range holds them whole, narrow windows at its ends.

use super::span::Span;
use crate::window::{TimeRange, Timestamp, Width};

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    /// Windows of a width themselves.
    Windows(Width),
    /// What narrower windows add up to in each of these spans.
    Sums(Span),
}

/// Rows of one table that start in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) table: Table,
    pub(super) starts: TimeRange,
}

/// The parts that together hold each hit in a range once, windows that lie partly in it included.
///
/// `spans` are those whose sums may be read, narrowest first; `summed` tells, of some whole spans, which have sums, in
/// order. A time series needs each row to lie in one step, so sums that are wider than its step are left alone.
pub(super) fn plan(
    range: TimeRange,
    step_secs: Option<i64>,
    spans: &[Span],
    summed: impl Fn(Span, TimeRange) -> Vec<TimeRange>,
) -> Vec<Part> {
    let mut parts = Vec::new();
    // What is not covered by wider sums: at first everything, then what they leave.
    let mut rest = vec![range];
    rest.retain(|range| !range.is_empty());
    for span in spans.iter().copied().rev() {
        let is_usable = step_secs.is_none_or(|step| step % span.secs() == 0);
        let mut left = Vec::new();
        for range in rest {
            parts.extend(span.width().map(|width| windows(width, range)));
            let mut at = range.from;
            for sums in whole(range, span).filter(|_| is_usable).map(|whole| summed(span, whole)).into_iter().flatten()
            {
                parts.push(Part { table: Table::Sums(span), starts: sums });
                left.push(TimeRange::new(at, sums.from));
                at = sums.to;
            }
            left.push(TimeRange::new(at, range.to));
        }
        rest = left;
        rest.retain(|range| !range.is_empty());
    }
    parts.extend(rest.into_iter().map(|range| windows(Width::TenSeconds, range)));
    parts
}

/// The windows that have a second in the range.
fn windows(width: Width, range: TimeRange) -> Part {
    let starts = TimeRange::new(range.from.minus_secs(width.secs() - 1), range.to);
    Part { table: Table::Windows(width), starts }
}

/// Every span has sums.
#[cfg(feature = "postgres")]
pub(super) fn all_summed(_: Span, whole: TimeRange) -> Vec<TimeRange> {
    vec![whole]
}

/// The spans that lie whole in the range.
fn whole(range: TimeRange, span: Span) -> Option<TimeRange> {
    let secs = i128::from(span.secs());
    let (from, to) = (i128::from(range.from.as_unix()), i128::from(range.to.as_unix()));
    let from = i64::try_from((from + secs - 1).div_euclid(secs) * secs).ok()?;
    let to = i64::try_from(to.div_euclid(secs) * secs).ok()?;
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
                Table::Sums(span) if span.secs() > window.width().secs() => span.start_of(window.start()),
                _ => return false,
            };
            part.starts.from <= start && start < part.starts.to
        };
        parts.iter().filter(holds).count()
    }

    /// The spans of a range without each `holes`th; all of them where that is 0.
    fn some_of(span: Span, whole: TimeRange, holes: i64) -> Vec<TimeRange> {
        if holes == 0 {
            return vec![whole];
        }
        let secs = span.secs();
        let starts = (whole.from.as_unix()..whole.to.as_unix()).step_by(usize::try_from(secs).unwrap());
        let there = starts.filter(|start| (start / secs) % holes != 0).map(Timestamp::from_unix);
        there.map(|start| TimeRange::new(start, start.plus_secs(secs))).collect()
    }

    proptest! {
        #[test]
        fn each_window_in_the_range_is_read_once_and_no_other_is(
            from in -2_000_000..2_000_000_i64,
            length in 0..4_000_000_i64,
            at in -3_000_000..7_000_000_i64,
            width in prop::sample::select(Width::ALL.to_vec()),
            step in prop::option::of(prop::sample::select(vec![1_i64, 10, 60, 90, 3_600, 86_400, 604_800])),
            holes in 0..8_i64,
        ) {
            let range = TimeRange::new(Timestamp::from_unix(from), Timestamp::from_unix(from + length));
            let window = Window::containing(Timestamp::from_unix(at), width);

            let summed = |span: Span, whole: TimeRange| some_of(span, whole, holes);

            let times = times_read(&plan(range, step, &Span::ALL, summed), window);

            prop_assert_eq!(times, usize::from(window.overlaps(range)));
        }
    }

    #[test]
    fn thirty_whole_days_are_read_as_weeks_and_days() {
        let range = TimeRange::new(Timestamp::EPOCH, Timestamp::from_unix(30 * 86_400));

        let tables: Vec<_> =
            plan(range, None, &Span::ALL, |_, whole| vec![whole]).iter().map(|part| part.table).collect();

        assert_eq!(tables, [Table::Sums(Span::Week), Table::Windows(Width::Day), Table::Sums(Span::Day)]);
    }

    #[test]
    fn all_time_is_no_overflow() {
        assert!(!plan(TimeRange::ALL, Some(60), &Span::ALL, |_, whole| vec![whole]).is_empty());
    }
}
