//! Buckets of metrics, put into the buckets of a sketch.
//!
//! | buckets of the metric | in the sketch | error |
//! |---|---|---|
//! | exponential, scale ≥ 5, seconds | the same ones, merged | none beside the sketch's 1.1 % |
//! | exponential, scale s < 5, or another unit | the middle of each bucket, on a logarithmic scale | half a bucket: a factor of 2^(2^-s / 2) |
//! | explicit, a single bucket without bounds | none | all |
//! | explicit bounds | the geometric middle; half the bound for the first one, the bound itself for the open last one | what the bucket spans |
//!
//! The number of values is exact always.

use std::time::Duration;

use endpoint_stats_core::sketch::LatencySketch;

use super::total::{FINEST, Total};

/// How many seconds the unit of a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

// === impl Unit ===

impl Unit {
    /// Finds a unit by its name in UCUM.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "s" => Some(Self::Seconds),
            "ms" => Some(Self::Milliseconds),
            _ => None,
        }
    }

    fn span(self, value: f64) -> Duration {
        let secs = match self {
            Self::Seconds => value,
            Self::Milliseconds => value / 1_000.0,
        };
        Duration::try_from_secs_f64(secs.max(0.0)).unwrap_or(Duration::MAX)
    }
}

/// The durations that a point has counted; empty when it has no buckets.
pub(super) fn sketch_of(total: &Total, bounds: &[f64], unit: Unit) -> LatencySketch {
    let mut sketch = LatencySketch::default();
    sketch.record_many(Duration::ZERO, total.zero);
    for (&index, &count) in &total.buckets {
        match (total.scale(), unit) {
            (Some(FINEST), Unit::Seconds) => sketch.add_at_index(index, count),
            (Some(scale), _) => sketch.record_many(unit.span(middle(index, scale)), count),
            (None, _) => sketch.record_many(unit.span(inside(index, bounds)), count),
        }
    }
    sketch
}

/// The value in the middle of a bucket of a scale: bucket `i` ends at `2^((i + 1) / 2^scale)`.
fn middle(index: i32, scale: i32) -> f64 {
    f64::exp2((f64::from(index) + 0.5) * f64::exp2(f64::from(-scale)))
}

/// A value inside of a bucket that ends at a bound.
fn inside(index: i32, bounds: &[f64]) -> f64 {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let lower = index.checked_sub(1).and_then(|before| bounds.get(before)).copied();
    match (lower, bounds.get(index).copied()) {
        (Some(lower), Some(upper)) if lower > 0.0 => (lower * upper).sqrt(),
        (_, Some(upper)) => upper / 2.0,
        (lower, None) => lower.unwrap_or(0.0),
    }
}
