//! [`Total`]: what a point of a metric has counted, as it stands in checkpoints too.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, HistogramDataPoint};

/// Stands for buckets with explicit bounds, where a scale would stand.
const EXPLICIT: i32 = i32::MAX;

/// The finest scale that is kept: that of the sketches.
pub(super) const FINEST: i32 = 5;

/// Buckets of one point that are remembered: more than a sketch tells apart.
const MAX_BUCKETS: usize = 2_048;

/// What a point of a metric has counted: how many values, their sum, and how many in each bucket.
///
/// Buckets of scales finer than 5 are merged into those of scale 5, which is exact.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Total {
    #[prost(uint64, tag = "1")]
    pub(super) count: u64,
    /// Rounded; 0 when the point has none, or a senseless one.
    #[prost(uint64, tag = "2")]
    pub(super) sum: u64,
    #[prost(sint32, tag = "3")]
    pub(super) scale: i32,
    /// Values of zero, and below.
    #[prost(uint64, tag = "4")]
    pub(super) zero: u64,
    /// By index; none of the counts is zero.
    #[prost(btree_map = "sint32, uint64", tag = "5")]
    pub(super) buckets: BTreeMap<i32, u64>,
}

// === impl Total ===

impl Total {
    /// What a point with explicit bounds has counted.
    ///
    /// # Errors
    ///
    /// What is wrong with the point.
    pub(super) fn of_explicit(point: &HistogramDataPoint) -> Result<Self, &'static str> {
        let bounds = &point.explicit_bounds;
        if bounds.iter().any(|bound| !bound.is_finite()) || !bounds.is_sorted_by(|a, b| a < b) {
            return Err("its bounds do not ascend");
        }
        if !point.bucket_counts.is_empty() && point.bucket_counts.len() != bounds.len() + 1 {
            return Err("it has not one bucket more than bounds");
        }
        // A single bucket, which has no bounds, says nothing of how large its values are.
        let counts = point.bucket_counts.iter().copied().filter(|_| !bounds.is_empty());
        let buckets = filled((0_i32..).zip(counts))?;
        Self { count: point.count, sum: rounded(point.sum), scale: EXPLICIT, zero: 0, buckets }.checked()
    }

    /// What a point with exponential buckets has counted.
    ///
    /// # Errors
    ///
    /// What is wrong with the point.
    pub(super) fn of_exponential(point: &ExponentialHistogramDataPoint) -> Result<Self, &'static str> {
        if !(-10..=20).contains(&point.scale) {
            return Err("its scale is not one from -10 to 20");
        }
        let negative = point.negative.iter().flat_map(|buckets| &buckets.bucket_counts);
        let zero = negative.fold(point.zero_count, |sum, count| sum.saturating_add(*count));
        let scale = point.scale.min(FINEST);
        let buckets =
            point.positive.as_ref().map_or_else(|| Ok(BTreeMap::new()), |found| indexed(found, point.scale - scale))?;
        Self { count: point.count, sum: rounded(point.sum), scale, zero, buckets }.checked()
    }

    /// The scale of exponential buckets; `None` when the bounds are explicit.
    pub(super) fn scale(&self) -> Option<i32> {
        (self.scale != EXPLICIT).then_some(self.scale)
    }

    /// What came since an earlier total of the same point; all of it when the counting began anew.
    pub(super) fn since(self, earlier: &Self) -> Self {
        let Some(count) = self.count.checked_sub(earlier.count).filter(|_| earlier.count > 0) else { return self };
        let scale = self.scale.min(earlier.scale);
        let (mut now, earlier) = (self.downscaled(scale), earlier.clone().downscaled(scale));
        now.count = count;
        now.sum = now.sum.saturating_sub(earlier.sum);
        // Of the buckets never more than of the values, should a sender have moved some from one bucket to another.
        let mut left = count;
        let mut part = |now: u64, earlier: u64| {
            let gained = now.saturating_sub(earlier).min(left);
            left -= gained;
            gained
        };
        now.zero = part(now.zero, earlier.zero);
        for (index, count) in &mut now.buckets {
            *count = part(*count, earlier.buckets.get(index).copied().unwrap_or(0));
        }
        now.buckets.retain(|_, count| *count > 0);
        now
    }

    /// Merges buckets into those of a coarser scale, two by two.
    fn downscaled(mut self, scale: i32) -> Self {
        if self.scale == EXPLICIT || self.scale <= scale {
            return self;
        }
        let shift = (self.scale - scale).min(31);
        let mut merged = BTreeMap::new();
        for (index, count) in self.buckets {
            *merged.entry(index >> shift).or_default() += count;
        }
        self.buckets = merged;
        self.scale = scale;
        self
    }

    fn checked(self) -> Result<Self, &'static str> {
        if i64::try_from(self.count).is_err() {
            return Err("its count is past 2^63");
        }
        let counts = self.buckets.values().try_fold(self.zero, |sum, count| sum.checked_add(*count));
        match counts {
            Some(sum) if sum == self.count || (sum == 0 && self.buckets.is_empty()) => Ok(self),
            _ => Err("its buckets do not add up to its count"),
        }
    }
}

/// Exponential buckets, merged two by two so many times.
fn indexed(buckets: &Buckets, shift: i32) -> Result<BTreeMap<i32, u64>, &'static str> {
    let indexes = (0_i32..).map(|at| buckets.offset.saturating_add(at) >> shift);
    filled(indexes.zip(buckets.bucket_counts.iter().copied()))
}

/// The buckets that hold something.
fn filled(counts: impl Iterator<Item = (i32, u64)>) -> Result<BTreeMap<i32, u64>, &'static str> {
    let mut buckets = BTreeMap::<_, u64>::new();
    for (index, count) in counts.filter(|(_, count)| *count > 0) {
        let sum = buckets.entry(index).or_default();
        *sum = sum.saturating_add(count);
        if buckets.len() > MAX_BUCKETS {
            return Err("it has more than 2,048 buckets that hold something");
        }
    }
    Ok(buckets)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float is cut at the ends, as meant")]
fn rounded(sum: Option<f64>) -> u64 {
    let sum = sum.unwrap_or(0.0).round() as u64;
    sum.min(i64::MAX.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    fn total(scale: i32, buckets: &BTreeMap<i32, u64>) -> Total {
        let count = buckets.values().sum();
        Total { count, sum: count, scale, zero: 0, buckets: buckets.clone() }
    }

    fn buckets() -> impl Strategy<Value = BTreeMap<i32, u64>> {
        btree_map(-500..500_i32, 1..1_000_u64, 1..20)
    }

    fn merged(mut one: BTreeMap<i32, u64>, other: &BTreeMap<i32, u64>) -> BTreeMap<i32, u64> {
        for (index, count) in other {
            *one.entry(*index).or_default() += count;
        }
        one
    }

    #[test]
    fn buckets_moved_by_the_sender_never_add_more_than_came() {
        let earlier = total(5, &BTreeMap::from([(1, 10)]));
        let now = total(5, &BTreeMap::from([(7, 9), (8, 2)]));

        let gained = now.since(&earlier);

        assert_eq!((gained.count, gained.buckets.values().sum::<u64>()), (1, 1));
    }

    proptest! {
        #[test]
        fn what_came_since_is_what_was_added(before in buckets(), added in buckets()) {
            let now = total(5, &merged(before.clone(), &added));

            prop_assert_eq!(now.since(&total(5, &before)), total(5, &added));
        }

        #[test]
        fn what_came_since_a_finer_total_is_what_was_added(before in buckets(), added in buckets(), scale in -4..5_i32) {
            let now = total(5, &merged(before.clone(), &added)).downscaled(scale);

            prop_assert_eq!(now.since(&total(5, &before)), total(5, &added).downscaled(scale));
        }

        #[test]
        fn a_total_that_is_less_than_the_last_counts_whole(before in 2..1_000_u64, now in 1..1_000_u64) {
            prop_assume!(now < before);
            let of = |count| total(5, &BTreeMap::from([(0, count)]));

            prop_assert_eq!(of(now).since(&of(before)), of(now));
        }
    }
}
