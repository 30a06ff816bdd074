//! [`Change`]: what a number is, against the range before.

use std::time::Duration;

/// A change in words, and whether it is welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) text: String,
    /// `good`, `bad` or `plain`.
    pub(super) tone: &'static str,
}

/// Whether more of something is welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    Plain,
    IsWorse,
}

/// A change below this is none that anybody acts on, in per cent.
const LEAST_PERCENT: f64 = 0.5;

impl Change {
    /// The change of a number, in per cent; `None` when there was nothing before.
    pub(super) fn of_number(now: f64, before: f64, more: More) -> Option<Self> {
        if before <= 0.0 {
            return None;
        }
        let percent = 100.0 * (now - before) / before;
        if percent.abs() < LEAST_PERCENT {
            return Some(Self { text: "no change".to_owned(), tone: "plain" });
        }
        let size = match percent.abs() {
            _ if percent >= 1_000.0 => format!("× {:.0}", now / before),
            size if size < 10.0 => format!("{size:.1} %"),
            size => format!("{size:.0} %"),
        };
        Some(Self::signed(percent > 0.0, &size, more))
    }

    /// The change of a duration.
    pub(super) fn of_duration(now: Option<Duration>, before: Option<Duration>) -> Option<Self> {
        Self::of_number(now?.as_secs_f64(), before?.as_secs_f64(), More::IsWorse)
    }

    /// The change of a share, in percentage points.
    pub(super) fn of_share(now: (u64, u64), before: (u64, u64)) -> Option<Self> {
        if now.1 == 0 || before.1 == 0 {
            return None;
        }
        let points = 100.0 * (now.0 as f64 / now.1 as f64 - before.0 as f64 / before.1 as f64);
        if points.abs() < 0.005 {
            return Some(Self { text: "no change".to_owned(), tone: "plain" });
        }
        Some(Self::signed(points > 0.0, &format!("{:.2} points", points.abs()), More::IsWorse))
    }

    fn signed(is_more: bool, size: &str, more: More) -> Self {
        let tone = match (more, is_more) {
            (More::Plain, _) => "plain",
            (More::IsWorse, true) => "bad",
            (More::IsWorse, false) => "good",
        };
        Self { text: format!("{} {size}", if is_more { '▲' } else { '▼' }), tone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(now: f64, before: f64) -> Option<String> {
        Change::of_number(now, before, More::Plain).map(|change| change.text)
    }

    #[test]
    fn a_number_is_compared_in_per_cent() {
        assert_eq!(text(112.0, 100.0).as_deref(), Some("▲ 12 %"));
        assert_eq!(text(95.0, 100.0).as_deref(), Some("▼ 5.0 %"));
        assert_eq!(text(100.1, 100.0).as_deref(), Some("no change"));
        assert_eq!(text(2_000.0, 100.0).as_deref(), Some("▲ × 20"));
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        assert_eq!(text(5.0, 0.0), None);
        assert_eq!(Change::of_share((0, 0), (1, 2)), None);
        assert_eq!(Change::of_duration(None, Some(Duration::from_secs(1))), None);
    }

    #[test]
    fn more_errors_are_bad_and_fewer_are_good() {
        assert_eq!(
            Change::of_share((2, 100), (1, 100)).unwrap(),
            Change { text: "▲ 1.00 points".to_owned(), tone: "bad" }
        );
        assert_eq!(Change::of_share((1, 100), (2, 100)).unwrap().tone, "good");
    }
}
