//! [`Span`]: how much time a sum holds.

use crate::window::{Timestamp, Width};

/// How much time a sum holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    Minute,
    Hour,
    Day,
    Week,
}

impl Span {
    pub(super) const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Day, Self::Week];

    /// The spans that hold windows of a width.
    pub(super) fn over(width: Width) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |span| span.secs() > width.secs())
    }

    /// The span that windows of a width are moved to when they are old.
    pub(super) fn after(width: Width) -> Self {
        match width {
            Width::TenSeconds => Self::Minute,
            Width::Minute => Self::Hour,
            Width::Hour => Self::Day,
            Width::Day => Self::Week,
        }
    }

    /// The widths of the windows that it holds.
    pub(super) fn widths(self) -> impl Iterator<Item = Width> {
        Width::ALL.into_iter().filter(move |width| width.secs() < self.secs())
    }

    /// The spans that are narrower, narrowest first.
    #[cfg(feature = "sqlite")]
    pub(super) fn narrower(self) -> &'static [Self] {
        match self {
            Self::Minute => &[],
            Self::Hour => &[Self::Minute],
            Self::Day => &[Self::Minute, Self::Hour],
            Self::Week => &[Self::Minute, Self::Hour, Self::Day],
        }
    }

    pub(super) fn secs(self) -> i64 {
        self.width().map_or(7 * Width::Day.secs(), Width::secs)
    }

    /// The windows that are as long.
    pub(super) fn width(self) -> Option<Width> {
        match self {
            Self::Minute => Some(Width::Minute),
            Self::Hour => Some(Width::Hour),
            Self::Day => Some(Width::Day),
            Self::Week => None,
        }
    }

    /// Where the span starts that a moment lies in.
    pub(super) fn start_of(self, at: Timestamp) -> Timestamp {
        at.rounded_down(self.secs())
    }
}
