//! [`CountsSum`]: many encoded [`Counts`] added up, without making each of them first.

use std::collections::BTreeMap;

use super::counts_encoding::Parts;
use super::{ConsumerCounts, ConsumerName, Counts, OutcomeCounts};
use crate::sketch::scale::BUCKETS;
use crate::sketch::{CallersSketch, DecodeError, LatencySketch, REGISTERS, capped_sum};

/// Adds encodings up in tables that have a place for every bucket and register; one sum serves many, one by one.
pub(crate) struct CountsSum {
    outcomes: OutcomeCounts,
    latency: Table<u64>,
    duration: Table<u64>,
    callers: Table<u8>,
    request_bytes: u64,
    response_bytes: u64,
    consumers: BTreeMap<ConsumerName, ConsumerCounts>,
}

/// A value for every index; those that were touched are found without a look at the others.
struct Table<T> {
    values: Vec<T>,
    // A bit for each value.
    touched: Vec<u64>,
}

impl CountsSum {
    pub(crate) fn new() -> Self {
        Self {
            outcomes: OutcomeCounts::default(),
            latency: Table::new(BUCKETS),
            duration: Table::new(BUCKETS),
            callers: Table::new(REGISTERS),
            request_bytes: 0,
            response_bytes: 0,
            consumers: BTreeMap::new(),
        }
    }

    /// Adds what [`Counts::encode`] wrote, and tells how many hits that were.
    ///
    /// # Errors
    ///
    /// Where [`Counts::decode`] has one; the sum then holds a part of the encoding, and is of no more use.
    pub(crate) fn add(&mut self, encoded: &[u8]) -> Result<u64, DecodeError> {
        let parts = Parts::of(encoded)?;
        let hits = self.outcomes.add_encoded(parts.outcomes)?;
        for (sum, buckets) in [(&mut self.latency, parts.latency), (&mut self.duration, parts.duration)] {
            LatencySketch::read_buckets(buckets, |bucket, count| {
                let present = sum.touch(bucket);
                *present = capped_sum(*present, count);
            })?;
        }
        CallersSketch::read_ranks(parts.callers, |register, rank| {
            let present = self.callers.touch(register);
            *present = rank.max(*present);
        })?;
        self.request_bytes = capped_sum(self.request_bytes, parts.request_bytes);
        self.response_bytes = capped_sum(self.response_bytes, parts.response_bytes);
        parts.read_consumers(|name, counts| self.consumers.entry(name).or_default().merge(counts))?;
        Ok(hits)
    }

    /// Takes the sum out, and starts again at nothing.
    pub(crate) fn take(&mut self) -> Counts {
        Counts {
            outcomes: std::mem::take(&mut self.outcomes),
            latency: LatencySketch::from_buckets(self.latency.take()),
            duration: LatencySketch::from_buckets(self.duration.take()),
            callers: CallersSketch::from_ranks(self.callers.take()),
            request_bytes: std::mem::take(&mut self.request_bytes),
            response_bytes: std::mem::take(&mut self.response_bytes),
            consumers: std::mem::take(&mut self.consumers),
        }
    }
}

impl<T: Copy + Default> Table<T> {
    fn new(len: usize) -> Self {
        Self { values: vec![T::default(); len], touched: vec![0; len.div_ceil(64)] }
    }

    fn touch(&mut self, index: u16) -> &mut T {
        self.touched[usize::from(index) / 64] |= 1 << (index % 64);
        &mut self.values[usize::from(index)]
    }

    /// The values that were touched, ascending.
    fn take(&mut self) -> Vec<(u16, T)> {
        let count = self.touched.iter().map(|bits| bits.count_ones()).sum::<u32>();
        let mut taken = Vec::with_capacity(count as usize);
        for (word, bits) in self.touched.iter_mut().enumerate() {
            while *bits != 0 {
                let index = 64 * word + bits.trailing_zeros() as usize;
                let value = std::mem::take(&mut self.values[index]);
                taken.push((u16::try_from(index).unwrap_or(u16::MAX), value));
                *bits &= *bits - 1;
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::counts_encoding::tests::counts;
    use super::*;

    proptest! {
        #[test]
        fn encodings_add_up_to_what_merging_gives(groups in vec(vec(counts(), 0..5), 1..3)) {
            let mut sum = CountsSum::new();
            for group in groups {
                let mut merged = Counts::default();
                for counts in group {
                    prop_assert_eq!(sum.add(&counts.encode()), Ok(counts.hits()));
                    merged.merge(&counts);
                }

                prop_assert_eq!(sum.take(), merged);
            }
        }

        #[test]
        fn what_cannot_be_decoded_cannot_be_added(counts in counts(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut bytes = counts.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;

            prop_assert_eq!(CountsSum::new().add(&bytes).err(), Counts::decode(&bytes).err());
        }
    }
}
