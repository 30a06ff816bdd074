//! When it happened: half-open intervals `[start, start + width)`, in four widths.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// How long a window is; each width is a tier with its own retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Width {
    /// 10 seconds: what a flush writes.
    TenSeconds,
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// 86,400 seconds, starting at midnight UTC.
    Day,
}

/// The interval `[start, start + width)`; `start` is a multiple of the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    start: Timestamp,
    width: Width,
}

/// The half-open interval `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first second that belongs to the range.
    pub from: Timestamp,
    /// The first second after the range.
    pub to: Timestamp,
}

// === impl Timestamp ===

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Creates a timestamp from seconds since 1970.
    pub const fn from_unix(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since 1970.
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// The timestamp some seconds earlier.
    #[must_use]
    pub const fn minus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_sub(secs))
    }

    /// The timestamp some seconds later.
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// The last multiple of some seconds that is not later.
    pub(crate) const fn rounded_down(self, secs: i64) -> Self {
        self.minus_secs(self.0.rem_euclid(secs))
    }
}

// === impl Width ===

impl Width {
    /// Every width, narrowest first.
    pub const ALL: [Self; 4] = [Self::TenSeconds, Self::Minute, Self::Hour, Self::Day];

    /// The width in seconds.
    pub const fn secs(self) -> i64 {
        match self {
            Self::TenSeconds => 10,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// Finds a width by its seconds.
    pub fn from_secs(secs: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|width| width.secs() == secs)
    }

    /// The next wider tier.
    pub const fn wider(self) -> Option<Self> {
        match self {
            Self::TenSeconds => Some(Self::Minute),
            Self::Minute => Some(Self::Hour),
            Self::Hour => Some(Self::Day),
            Self::Day => None,
        }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TenSeconds => "10s",
            Self::Minute => "1m",
            Self::Hour => "1h",
            Self::Day => "1d",
        })
    }
}

// === impl Window ===

impl Window {
    /// The window of a width that a second falls in.
    pub fn containing(at: Timestamp, width: Width) -> Self {
        Self { start: at.rounded_down(width.secs()), width }
    }

    /// The window's first second.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The first second after the window.
    pub fn end(self) -> Timestamp {
        self.start.plus_secs(self.width.secs())
    }

    /// How long the window is.
    pub fn width(self) -> Width {
        self.width
    }

    /// The wider window that this one lies in.
    #[must_use]
    pub fn widened_to(self, width: Width) -> Self {
        Self::containing(self.start, width.max(self.width))
    }

    /// The window a fraction of which the range covers, or all of it.
    pub fn overlaps(self, range: TimeRange) -> bool {
        self.start < range.to && range.from < self.end()
    }
}

// === impl TimeRange ===

impl TimeRange {
    /// All time.
    pub const ALL: Self = Self { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };

    /// Creates the range `[from, to)`.
    pub fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to }
    }

    /// The range of the same length that ends where this one begins.
    #[must_use]
    pub fn preceding(self) -> Self {
        let secs = self.to.0.saturating_sub(self.from.0);
        Self { from: self.from.minus_secs(secs), to: self.from }
    }

    /// Whether no second lies in the range.
    pub fn is_empty(self) -> bool {
        self.from >= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_starts_at_a_multiple_of_its_width() {
        let at = Timestamp::from_unix(1_431_857_103);

        assert_eq!(Window::containing(at, Width::TenSeconds).start().as_unix(), 1_431_857_100);
        assert_eq!(Window::containing(at, Width::Day).start().as_unix(), 1_431_820_800);
    }

    #[test]
    fn a_second_before_1970_falls_in_the_window_before_1970() {
        let window = Window::containing(Timestamp::from_unix(-1), Width::Minute);

        assert_eq!(window.start().as_unix(), -60);
        assert_eq!(window.end().as_unix(), 0);
    }

    #[test]
    fn the_preceding_range_is_as_long_and_ends_where_the_range_begins() {
        let range = |from, to| TimeRange::new(Timestamp::from_unix(from), Timestamp::from_unix(to));

        assert_eq!(range(100, 130).preceding(), range(70, 100));
        assert_eq!(TimeRange::ALL.preceding(), range(i64::MIN, i64::MIN));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for secs in [i64::MIN, i64::MAX] {
            let window = Window::containing(Timestamp::from_unix(secs), Width::Day);
            assert!(window.end() >= window.start());
        }
    }

    #[test]
    fn a_window_overlaps_the_ranges_that_touch_its_seconds() {
        let window = Window::containing(Timestamp::from_unix(60), Width::Minute);
        let range = |from, to| TimeRange::new(Timestamp::from_unix(from), Timestamp::from_unix(to));

        assert!(window.overlaps(range(119, 120)));
        assert!(!window.overlaps(range(120, 180)));
        assert!(!window.overlaps(range(0, 60)));
    }
}
