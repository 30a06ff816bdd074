//! [`OutcomeCounts`]: how many hits ended how.

use crate::hit::Outcome;
use crate::sketch::{DecodeError, Reader, capped_sum, write_varint};

const WHAT: &str = "outcome counts";
const VERSION: u8 = 1;

/// How many hits ended with each outcome; outcomes that did not occur take no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts {
    // Sorted by outcome code; no count is zero.
    counts: Vec<(u16, u64)>,
}

impl OutcomeCounts {
    /// Adds `hits` that ended with `outcome`.
    pub fn add(&mut self, outcome: Outcome, hits: u64) {
        self.add_code(outcome.code(), hits);
    }

    fn add_code(&mut self, code: u16, hits: u64) {
        if hits == 0 {
            return;
        }
        match self.counts.binary_search_by_key(&code, |(code, _)| *code) {
            Ok(at) => self.counts[at].1 = capped_sum(self.counts[at].1, hits),
            Err(at) => self.counts.insert(at, (code, capped_sum(hits, 0))),
        }
    }

    /// Adds the hits of another.
    pub fn merge(&mut self, other: &Self) {
        for (outcome, hits) in other.iter() {
            self.add(outcome, hits);
        }
    }

    /// How many hits ended with one outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.iter().find(|(found, _)| *found == outcome).map_or(0, |(_, hits)| hits)
    }

    /// All hits.
    pub fn hits(&self) -> u64 {
        self.iter().fold(0, |sum, (_, hits)| capped_sum(sum, hits))
    }

    /// The hits that are errors of the service, see [`Outcome::is_error`].
    pub fn errors(&self) -> u64 {
        self.iter().filter(|(outcome, _)| outcome.is_error()).fold(0, |sum, (_, hits)| capped_sum(sum, hits))
    }

    /// Each outcome that occurred and its hits, in the order of their codes.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        self.counts.iter().filter_map(|(code, hits)| Some((Outcome::from_code(*code)?, *hits)))
    }

    /// Encodes the counts: version byte, then for each outcome the distance of its code to the one before and the
    /// count, both as LEB128.
    ///
    /// No hits are an empty encoding.
    pub fn encode(&self) -> Vec<u8> {
        if self.counts.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::with_capacity(1 + 4 * self.counts.len());
        out.push(VERSION);
        let mut next = 0;
        for &(code, hits) in &self.counts {
            write_varint(&mut out, u64::from(code - next));
            write_varint(&mut out, hits);
            next = code + 1;
        }
        out
    }

    /// Decodes what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// When the bytes are cut off, carry another version, an unknown outcome or a count out of range.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut counts = Vec::new();
        Self::read(bytes, |code, hits| counts.push((code, hits)))?;
        Ok(Self { counts })
    }

    /// Adds what [`encode`](Self::encode) wrote, and tells how many hits that were.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
    pub(super) fn add_encoded(&mut self, bytes: &[u8]) -> Result<u64, DecodeError> {
        let mut added = 0;
        Self::read(bytes, |code, hits| {
            added = capped_sum(added, hits);
            self.add_code(code, hits);
        })?;
        Ok(added)
    }

    fn read(bytes: &[u8], mut each: impl FnMut(u16, u64)) -> Result<(), DecodeError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut reader = Reader::new(WHAT, VERSION, bytes)?;
        if reader.is_empty() {
            return Err(reader.error("cut off"));
        }
        let mut next = 0_u64;
        while !reader.is_empty() {
            let code = u16::try_from(next.saturating_add(reader.varint()?)).unwrap_or(u16::MAX);
            let hits = reader.varint()?;
            if Outcome::from_code(code).is_none() || hits == 0 || i64::try_from(hits).is_err() {
                return Err(reader.error("an unknown outcome or a count out of range"));
            }
            each(code, hits);
            next = u64::from(code) + 1;
        }
        Ok(())
    }
}

impl FromIterator<(Outcome, u64)> for OutcomeCounts {
    fn from_iter<I: IntoIterator<Item = (Outcome, u64)>>(hits: I) -> Self {
        let mut counts = Self::default();
        for (outcome, hits) in hits {
            counts.add(outcome, hits);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_are_those_of_the_service() {
        let counts: OutcomeCounts = [
            (Outcome::Status(200), 7),
            (Outcome::Status(404), 5),
            (Outcome::Status(500), 3),
            (Outcome::Aborted, 2),
            (Outcome::Panicked, 1),
        ]
        .into_iter()
        .collect();

        assert_eq!(counts.hits(), 18);
        assert_eq!(counts.errors(), 4);
        assert_eq!(counts.of(Outcome::Status(404)), 5);
        assert_eq!(counts.of(Outcome::Failed), 0);
    }

    proptest! {
        #[test]
        fn an_encoding_is_read_back_as_it_was(hits in vec((100_u16..1_000, 1..=u64::MAX), 0..20)) {
            let counts: OutcomeCounts = hits.into_iter().map(|(code, hits)| (Outcome::Status(code), hits)).collect();

            prop_assert_eq!(OutcomeCounts::decode(&counts.encode()), Ok(counts));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in vec(any::<u8>(), 0..32)) {
            if let Ok(counts) = OutcomeCounts::decode(&bytes) {
                prop_assert_eq!(OutcomeCounts::decode(&counts.encode()), Ok(counts));
            }
        }
    }
}
