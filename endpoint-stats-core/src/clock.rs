//! The one place that asks what time it is.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::nanos::Nanos;
use crate::window::Timestamp;

/// Tells the time of day; windows are stamped with it, order and duplicates never depend on it.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The current second.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A moment on the monotonic clock, read from the processor's time stamp counter where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

// A reading stays in the counter's own unit until two are subtracted: a request reads the clock three times.
static COUNTER: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this type owns the wall clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp::from_unix(match since {
            Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs),
        })
    }
}

// === impl Moment ===

impl Moment {
    /// Reads the monotonic clock; the first reading of a process calibrates it, which takes some milliseconds.
    #[inline]
    pub fn now() -> Self {
        Self(COUNTER.raw())
    }

    /// The time from an earlier moment to this one; zero if that was not earlier.
    #[inline]
    pub fn since(self, earlier: Self) -> Duration {
        self.nanos_since(earlier).into()
    }

    /// The same, as a hit keeps it.
    #[inline]
    pub fn nanos_since(self, earlier: Self) -> Nanos {
        Nanos::new(COUNTER.delta_as_nanos(earlier.0, self.0))
    }
}

/// A clock set by hand.
#[cfg(any(test, feature = "test-util"))]
#[derive(Debug)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

#[cfg(any(test, feature = "test-util"))]
impl ManualClock {
    /// Creates a clock that stands at a second.
    pub fn at(now: Timestamp) -> Self {
        Self(now.as_unix().into())
    }

    /// Moves the clock, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_unix(), std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(any(test, feature = "test-util"))]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}
