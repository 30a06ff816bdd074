//! [`Counts`] as bytes: what stores keep of a window, and batches carry.

use std::collections::BTreeMap;

use super::{ConsumerCounts, ConsumerName, Counts, OutcomeCounts};
use crate::sketch::{CallersSketch, DecodeError, LatencySketch, Reader, capped_sum, write_bytes, write_varint};

const WHAT: &str = "counts";
const VERSION: u8 = 1;

/// The parts of an encoding, still encoded themselves.
pub(super) struct Parts<'a> {
    pub(super) outcomes: &'a [u8],
    pub(super) latency: &'a [u8],
    pub(super) duration: &'a [u8],
    pub(super) callers: &'a [u8],
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    consumers: Reader<'a>,
}

impl Counts {
    /// Encodes everything that was counted: a version byte; outcomes, latency, duration and callers in their own
    /// encodings, each behind its length; bytes of requests and of responses; then for each consumer its name and
    /// three numbers. Lengths and numbers are LEB128.
    pub fn encode(&self) -> Vec<u8> {
        let sketches = [self.outcomes.encode(), self.latency.encode(), self.duration.encode(), self.callers.encode()];
        let mut out =
            encode_without_consumers(sketches.each_ref().map(Vec::as_slice), [self.request_bytes, self.response_bytes]);
        write_varint(&mut out, self.consumers.len() as u64);
        for (name, counts) in &self.consumers {
            write_bytes(&mut out, name.as_str().as_bytes());
            for count in [counts.hits, counts.errors, counts.response_bytes] {
                write_varint(&mut out, capped_sum(count, 0));
            }
        }
        out
    }

    /// Decodes what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// When the bytes are cut off or left over, carry another version, or one of the parts is damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let parts = Parts::of(bytes)?;
        let mut counts = Self {
            outcomes: OutcomeCounts::decode(parts.outcomes)?,
            latency: LatencySketch::decode(parts.latency)?,
            duration: LatencySketch::decode(parts.duration)?,
            callers: CallersSketch::decode(parts.callers)?,
            request_bytes: parts.request_bytes,
            response_bytes: parts.response_bytes,
            consumers: BTreeMap::new(),
        };
        parts.read_consumers(|name, of_one| {
            counts.consumers.insert(name, of_one);
        })?;
        Ok(counts)
    }
}

/// Puts together what a store keeps apart: outcomes, latency, duration and callers, each encoded, and the bytes of
/// requests and responses; no consumers.
#[cfg(feature = "sqlite")]
pub(crate) fn encode_parts(sketches: [&[u8]; 4], bytes: [u64; 2]) -> Vec<u8> {
    let mut out = encode_without_consumers(sketches, bytes);
    write_varint(&mut out, 0);
    out
}

fn encode_without_consumers(sketches: [&[u8]; 4], bytes: [u64; 2]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + sketches.iter().map(|part| part.len()).sum::<usize>());
    out.push(VERSION);
    for part in sketches {
        write_bytes(&mut out, part);
    }
    for sum in bytes {
        write_varint(&mut out, capped_sum(sum, 0));
    }
    out
}

impl<'a> Parts<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        Ok(Self {
            outcomes: reader.length_and_bytes()?,
            latency: reader.length_and_bytes()?,
            duration: reader.length_and_bytes()?,
            callers: reader.length_and_bytes()?,
            request_bytes: reader.count()?,
            response_bytes: reader.count()?,
            consumers: reader,
        })
    }

    /// Reads the consumers, in the order of their names, up to the end of the encoding.
    pub(super) fn read_consumers(self, mut each: impl FnMut(ConsumerName, ConsumerCounts)) -> Result<(), DecodeError> {
        let mut reader = self.consumers;
        let mut before = "";
        for _ in 0..reader.varint()? {
            let text = reader.text()?;
            if text <= before {
                return Err(reader.error("consumers out of order"));
            }
            before = text;
            let name = ConsumerName::new(text).map_err(|_| reader.error("a consumer's name is none"))?;
            let of_one =
                ConsumerCounts { hits: reader.count()?, errors: reader.count()?, response_bytes: reader.count()? };
            each(name, of_one);
        }
        reader.finish()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::hit::Outcome;
    use crate::sketch::CallerHash;

    prop_compose! {
        pub(crate) fn counts()(
            hits in vec((100_u16..1_000, 1..1_000_000_u64), 0..5),
            nanos in vec(any::<u64>(), 0..20),
            callers in vec(any::<u64>(), 0..20),
            bytes in 0..=i64::MAX as u64,
            consumers in vec(("[a-z]{1,9}", 0..=i64::MAX as u64), 0..4),
        ) -> Counts {
            let mut counts = Counts { request_bytes: bytes, response_bytes: bytes / 2, ..Counts::default() };
            for (code, hits) in hits {
                counts.outcomes.add(Outcome::Status(code), hits);
            }
            for nanos in nanos {
                counts.latency.record(Duration::from_nanos(nanos));
                counts.duration.record(Duration::from_nanos(nanos / 3));
            }
            for caller in callers {
                counts.callers.insert(CallerHash::from_u64(caller));
            }
            for (name, hits) in consumers {
                let of_one = ConsumerCounts { hits, errors: hits / 2, response_bytes: hits / 3 };
                counts.consumers.insert(ConsumerName::new(&name).unwrap(), of_one);
            }
            counts
        }
    }

    proptest! {
        #[test]
        fn an_encoding_is_read_back_as_it_was(counts in counts()) {
            prop_assert_eq!(Counts::decode(&counts.encode()), Ok(counts));
        }

        #[test]
        fn a_cut_encoding_is_refused(counts in counts(), at in any::<prop::sample::Index>()) {
            let bytes = counts.encode();

            prop_assert!(Counts::decode(&bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn damaged_bytes_never_panic(mut bytes in vec(any::<u8>(), 1..64)) {
            bytes[0] = VERSION;
            if let Ok(counts) = Counts::decode(&bytes) {
                prop_assert_eq!(Counts::decode(&counts.encode()), Ok(counts));
            }
        }
    }
}
