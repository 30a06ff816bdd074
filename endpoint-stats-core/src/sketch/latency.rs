//! [`LatencySketch`]: a histogram that merges exactly.

use std::cmp::Ordering;
use std::time::Duration;

use super::scale::{self, BUCKETS, MIN_INDEX};
use super::{DecodeError, Reader, capped_sum, write_varint};

const WHAT: &str = "latency sketch";
const VERSION: u8 = 1;

/// So few buckets are found one by one; more are merged in one pass.
const FEW: usize = 4;

/// How many durations fell in each bucket of a base-2 exponential histogram, scale 5.
///
/// Every duration read from it is within 1.1 % of the recorded one, from 0.9 ns to 3 days. Merging adds the
/// buckets, so it is exact, and the order does not matter. Empty buckets take no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencySketch {
    // Sorted by bucket; no count is zero.
    buckets: Vec<(u16, u64)>,
}

impl LatencySketch {
    /// Records one duration.
    pub fn record(&mut self, value: Duration) {
        self.add_to_bucket(scale::bucket_of(value.into()), 1);
    }

    /// Records the same duration several times.
    pub fn record_many(&mut self, value: Duration, count: u64) {
        self.add_to_bucket(scale::bucket_of(value.into()), count);
    }

    /// Adds to a bucket by its index in the numbering of [`buckets`](Self::buckets).
    ///
    /// What lies below the first bucket or above the last is kept there.
    pub fn add_at_index(&mut self, index: i32, count: u64) {
        let bucket = usize::try_from(index.saturating_sub(MIN_INDEX)).unwrap_or(0);
        self.add_to_bucket(bucket.min(BUCKETS - 1), count);
    }

    pub(crate) fn add_to_bucket(&mut self, bucket: usize, count: u64) {
        debug_assert!(bucket < BUCKETS, "bucket {bucket}");
        if count == 0 {
            return;
        }
        let bucket = u16::try_from(bucket).unwrap_or(u16::MAX);
        match self.buckets.binary_search_by_key(&bucket, |(index, _)| *index) {
            Ok(at) => self.buckets[at].1 = capped_sum(self.buckets[at].1, count),
            Err(at) => self.buckets.insert(at, (bucket, capped_sum(count, 0))),
        }
    }

    /// Takes counts by bucket, ascending and none of them zero.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
    pub(crate) fn from_buckets(buckets: Vec<(u16, u64)>) -> Self {
        debug_assert!(buckets.is_sorted_by(|(before, _), (after, _)| before < after), "{buckets:?}");
        Self { buckets }
    }

    /// Adds what another sketch recorded.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        if other.buckets.len() < FEW {
            for &(bucket, count) in &other.buckets {
                self.add_to_bucket(usize::from(bucket), count);
            }
            return;
        }
        let mut merged = Vec::with_capacity(self.buckets.len().max(other.buckets.len()) + FEW);
        let (mut ours, mut theirs) = (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        while let (Some(&&(our, our_count)), Some(&&(their, their_count))) = (ours.peek(), theirs.peek()) {
            merged.push(match our.cmp(&their) {
                Ordering::Less => (our, our_count),
                Ordering::Greater => (their, their_count),
                Ordering::Equal => (our, capped_sum(our_count, their_count)),
            });
            if our <= their {
                ours.next();
            }
            if their <= our {
                theirs.next();
            }
        }
        merged.extend(ours);
        merged.extend(theirs);
        self.buckets = merged;
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| capped_sum(sum, *count))
    }

    /// Whether no duration was recorded.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many durations are at most as long as each of some bounds, in seconds and ascending; a duration is taken for the
    /// middle of its bucket, so a bound is exact to 1.1 %.
    pub fn counts_up_to(&self, bounds_secs: &[f64]) -> Vec<u64> {
        let mut buckets = self.buckets.iter().peekable();
        let mut seen = 0;
        let up_to = |bound: &f64| {
            while let Some((_, count)) =
                buckets.next_if(|(bucket, _)| scale::representative_secs(usize::from(*bucket)) <= *bound)
            {
                seen = capped_sum(seen, *count);
            }
            seen
        };
        bounds_secs.iter().map(up_to).collect()
    }

    /// The sum of all durations, in seconds, within 1.1 %.
    pub fn sum_secs(&self) -> f64 {
        self.buckets
            .iter()
            .map(|(bucket, count)| scale::representative_secs(usize::from(*bucket)) * *count as f64)
            .sum()
    }

    /// The mean, within 1.1 %; `None` when nothing was recorded.
    pub fn mean(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_secs_f64(self.sum_secs() / self.count() as f64))
    }

    /// The duration at rank `⌈q · count⌉` (nearest-rank definition), within 1.1 %; `None` when nothing was recorded.
    ///
    /// `q` is clamped to `0.0..=1.0`; 0 asks for the shortest, 1 for the longest.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        let rank = (q.clamp(0.0, 1.0) * count as f64).ceil().max(1.0);
        let mut seen = 0.0;
        let (bucket, _) = self.buckets.iter().find(|(_, count)| {
            seen += *count as f64;
            seen >= rank
        })?;
        Some(Duration::from_secs_f64(scale::representative_secs(usize::from(*bucket))))
    }

    /// The longest duration, within 1.1 %; `None` when nothing was recorded.
    pub fn max(&self) -> Option<Duration> {
        let (bucket, _) = self.buckets.last()?;
        Some(Duration::from_secs_f64(scale::representative_secs(usize::from(*bucket))))
    }

    /// The buckets that hold something, ascending: the index in the numbering of OpenTelemetry's exponential
    /// histograms at scale 5 (values in seconds), and the count.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        self.buckets.iter().map(|(bucket, count)| (MIN_INDEX + i32::from(*bucket), *count))
    }

    /// Encodes the sketch: version byte, then for each bucket the distance to the one before and the count, both
    /// as LEB128.
    ///
    /// An empty sketch is an empty encoding.
    pub fn encode(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::with_capacity(1 + 3 * self.buckets.len());
        out.push(VERSION);
        let mut next = 0;
        for &(bucket, count) in &self.buckets {
            write_varint(&mut out, u64::from(bucket - next));
            write_varint(&mut out, count);
            next = bucket + 1;
        }
        out
    }

    /// Decodes what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// When the bytes are cut off, carry another version, a bucket or a count out of range.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        // A bucket takes two bytes at least.
        let mut buckets = Vec::with_capacity(bytes.len() / 2);
        Self::read_buckets(bytes, |bucket, count| buckets.push((bucket, count)))?;
        Ok(Self { buckets })
    }

    /// Reads what [`encode`](Self::encode) wrote, a bucket at a time, ascending.
    pub(crate) fn read_buckets(bytes: &[u8], mut each: impl FnMut(u16, u64)) -> Result<(), DecodeError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        if reader.is_empty() {
            return Err(reader.error("cut off"));
        }
        let mut next = 0_u64;
        while !reader.is_empty() {
            let bucket = next.saturating_add(reader.varint()?);
            let count = reader.varint()?;
            if bucket >= BUCKETS as u64 {
                return Err(reader.error("a bucket out of range"));
            }
            if count == 0 || i64::try_from(count).is_err() {
                return Err(reader.error("a count out of range"));
            }
            each(u16::try_from(bucket).unwrap_or(u16::MAX), count);
            next = bucket + 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sketch_of(nanos: &[u64]) -> LatencySketch {
        let mut sketch = LatencySketch::default();
        for nanos in nanos {
            sketch.record(Duration::from_nanos(*nanos));
        }
        sketch
    }

    fn nanos() -> impl Strategy<Value = Vec<u64>> {
        vec((0_u32..47).prop_flat_map(|bits| (1_u64 << bits)..(2_u64 << bits)), 1..200)
    }

    #[test]
    fn an_empty_sketch_has_no_quantile() {
        let empty = LatencySketch::default();

        assert_eq!(empty.quantile(0.5), None);
        assert_eq!(empty.max(), None);
        assert_eq!(empty.mean(), None);
        assert_eq!(LatencySketch::decode(&empty.encode()), Ok(empty));
    }

    #[test]
    fn a_duration_recorded_many_times_is_the_same_recorded_one_by_one() {
        let mut many = LatencySketch::default();
        many.record_many(Duration::from_millis(5), 3);

        assert_eq!(many, sketch_of(&[5_000_000; 3]));
    }

    #[test]
    fn buckets_added_by_their_index_are_the_same_sketch() {
        let sketch = sketch_of(&[1, 5_000, 70_000_000, u64::MAX]);

        let mut copy = LatencySketch::default();
        sketch.buckets().for_each(|(index, count)| copy.add_at_index(index, count));

        assert_eq!(copy, sketch);
    }

    #[test]
    fn an_index_out_of_range_is_kept_at_the_end_it_lies_beyond() {
        let mut sketch = LatencySketch::default();
        sketch.add_at_index(i32::MIN, 1);
        sketch.add_at_index(i32::MAX, 2);

        assert_eq!(sketch, sketch_of(&[0, u64::MAX, u64::MAX]));
    }

    #[test]
    fn an_unknown_version_is_refused() {
        let error = LatencySketch::decode(&[9, 0, 1]).unwrap_err();

        assert_eq!(error.to_string(), "damaged latency sketch: unknown version");
    }

    #[test]
    fn a_cut_encoding_is_refused_or_shorter() {
        let whole = sketch_of(&[1, 1_000, 1_000_000, u64::from(u32::MAX)]);
        let bytes = whole.encode();

        for len in 1..bytes.len() {
            if let Ok(part) = LatencySketch::decode(&bytes[..len]) {
                assert!(part.count() < whole.count());
            }
        }
        assert!(LatencySketch::decode(&bytes[..2]).is_err());
    }

    #[test]
    fn counts_stop_at_the_largest_number_instead_of_wrapping() {
        let mut sketch = LatencySketch::default();
        sketch.add_to_bucket(3, u64::MAX);
        sketch.add_to_bucket(3, 5);
        sketch.add_to_bucket(7, 1);

        assert_eq!(sketch.count(), i64::MAX as u64);
        assert_eq!(LatencySketch::decode(&sketch.encode()), Ok(sketch));
    }

    proptest! {
        #[test]
        fn merging_in_any_order_and_grouping_gives_one_result(a in nanos(), b in nanos(), c in nanos()) {
            let [a_sketch, b_sketch, c_sketch] = [&a, &b, &c].map(|values| sketch_of(values));
            let mut left = a_sketch.clone();
            left.merge(&b_sketch);
            left.merge(&c_sketch);
            let mut right = c_sketch;
            right.merge(&b_sketch);
            let mut grouped = a_sketch;
            grouped.merge(&right);

            prop_assert_eq!(&left, &grouped);
            prop_assert_eq!(left, sketch_of(&[a, b, c].concat()));
        }

        #[test]
        fn a_quantile_is_within_the_promised_error(mut values in nanos(), q in 0.0..=1.0_f64) {
            let found = sketch_of(&values).quantile(q).unwrap().as_secs_f64();

            values.sort_unstable();
            let is_reached = |seen: &usize| *seen as f64 >= (q * values.len() as f64).ceil();
            let rank = (1..=values.len()).find(is_reached).unwrap();
            let exact = values[rank - 1] as f64 * 1e-9;
            prop_assert!((found - exact).abs() <= exact * 0.011 + 1e-9, "found {found}, exact {exact}");
        }

        #[test]
        fn an_encoding_is_read_back_as_it_was(values in nanos()) {
            let sketch = sketch_of(&values);

            prop_assert_eq!(LatencySketch::decode(&sketch.encode()), Ok(sketch));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
            if let Ok(sketch) = LatencySketch::decode(&bytes) {
                prop_assert_eq!(LatencySketch::decode(&sketch.encode()), Ok(sketch));
            }
        }
    }
}
