//! Mergeable summaries with a known error: latencies and callers.
//!
//! A percentile cannot be computed from other percentiles, nor a number of different callers from other such
//! numbers. What can be added up are *sketches*: small summaries of which any two merge, in any order and
//! grouping, into the very summary that all their inputs together would have given.
//!
//! - [`LatencySketch`]: how many values fell in each bucket of a base-2 exponential histogram, scale 5. Every
//!   value read from it is within 1.1 % of the true one.
//! - [`CallersSketch`]: a HyperLogLog of 4,096 registers. The number of different callers read from it has a
//!   standard error of 1.6 %.
//!
//! Both have a compact, versioned byte encoding for stores; a damaged or unknown one is refused with a
//! [`DecodeError`].
//!
//! ```
//! use std::time::Duration;
//! use endpoint_stats_core::sketch::LatencySketch;
//!
//! let mut monday = LatencySketch::default();
//! monday.record(Duration::from_millis(10));
//! let mut tuesday = LatencySketch::default();
//! tuesday.record(Duration::from_millis(30));
//!
//! monday.merge(&tuesday);
//!
//! let p99 = monday.quantile(0.99).expect("two values were recorded");
//! assert!((0.0296..0.0304).contains(&p99.as_secs_f64()));
//! ```

mod callers;
mod encoding;
mod latency;
pub(crate) mod scale;

pub use callers::{CallerHash, CallersSketch};
pub(crate) use callers::{REGISTERS, register_of};
pub use encoding::DecodeError;
#[cfg(any(feature = "postgres", feature = "redis", feature = "remote", feature = "spool"))]
pub(crate) use encoding::write_signed;
pub(crate) use encoding::{Reader, write_bytes, write_varint};
pub use latency::LatencySketch;

/// Adds two counts; a sum stops at 2^63 - 1, the largest number that every database holds, and never wraps.
///
/// Any order and grouping of capped additions gives the same sum.
#[inline]
pub(crate) fn capped_sum(a: u64, b: u64) -> u64 {
    a.saturating_add(b).min(i64::MAX.cast_unsigned())
}
