//! [`Nanos`]: how long a request took.

use std::time::Duration;

/// A span of time in whole nanoseconds, up to 584 years; a [`Duration`] converts into it.
///
/// A request measures two of them: one word each, and no division by a second's nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nanos(u64);

impl Nanos {
    /// A span of so many nanoseconds.
    #[inline]
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// How many nanoseconds.
    #[inline]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<Duration> for Nanos {
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(span: Nanos) -> Self {
        Self::from_nanos(span.0)
    }
}
