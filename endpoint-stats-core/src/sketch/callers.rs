//! [`CallersSketch`]: how many different callers, without keeping one of them.

use std::num::NonZeroU64;

use super::{DecodeError, Reader, write_varint};

const WHAT: &str = "callers sketch";
const SPARSE: u8 = 1;
const DENSE: u8 = 2;

const PRECISION: u32 = 12;

/// Registers of the sketch.
pub(crate) const REGISTERS: usize = 1 << PRECISION;

/// The largest rank: 52 bits that are all zero, and one.
const MAX_RANK: u8 = 53;

/// Past this many filled registers the dense form is the smaller one.
const MAX_SPARSE: usize = REGISTERS / 4;

/// A caller as a keyed hash, made by a [`CallerHasher`](crate::middleware::CallerHasher).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallerHash(NonZeroU64);

/// A HyperLogLog of 4,096 registers (Flajolet et al., 2007): standard error 1.6 %.
///
/// The number is read with Ertl's improved estimator (arXiv:1702.01284, algorithm 6), which needs no corrections
/// for small and large numbers. Merging keeps the larger of each two registers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallersSketch {
    // Sorted by register; no rank is zero.
    ranks: Vec<(u16, u8)>,
}

/// The register that a hash falls in, and the rank it raises it to.
#[inline]
pub(crate) fn register_of(hash: CallerHash) -> (usize, u8) {
    let hash = hash.0.get();
    let register = (hash >> (64 - PRECISION)) as usize;
    // The bit set below the 52 that count bounds the rank.
    let rest = (hash << PRECISION) | (1 << (PRECISION - 1));
    (register, rest.leading_zeros().to_le_bytes()[0] + 1)
}

impl CallerHash {
    /// Takes a hash of 64 evenly spread bits.
    ///
    /// The hash 0 becomes 1, so that "no caller" takes no room of its own.
    pub fn from_u64(hash: u64) -> Self {
        Self(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN))
    }
}

impl CallersSketch {
    /// Takes ranks by register, ascending and none of them zero.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
    pub(crate) fn from_ranks(ranks: Vec<(u16, u8)>) -> Self {
        debug_assert!(ranks.is_sorted_by(|(before, _), (after, _)| before < after), "{ranks:?}");
        Self { ranks }
    }

    /// Records a caller; the same one again changes nothing.
    pub fn insert(&mut self, caller: CallerHash) {
        let (register, rank) = register_of(caller);
        self.raise(register, rank);
    }

    pub(crate) fn raise(&mut self, register: usize, rank: u8) {
        if rank == 0 {
            return;
        }
        let register = u16::try_from(register).unwrap_or(u16::MAX);
        match self.ranks.binary_search_by_key(&register, |(index, _)| *index) {
            Ok(at) => self.ranks[at].1 = self.ranks[at].1.max(rank),
            Err(at) => self.ranks.insert(at, (register, rank)),
        }
    }

    /// Adds the callers of another sketch.
    pub fn merge(&mut self, other: &Self) {
        if other.ranks.len() < 16 || self.ranks.is_empty() {
            if self.ranks.is_empty() {
                self.ranks.clone_from(&other.ranks);
                return;
            }
            for &(register, rank) in &other.ranks {
                self.raise(usize::from(register), rank);
            }
            return;
        }
        self.ranks = merged(&self.ranks, &other.ranks);
    }

    /// Whether no caller was recorded.
    pub fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    /// How many different callers were recorded; standard error 1.6 %.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the estimate is at most 2^64")]
    pub fn count(&self) -> u64 {
        let mut multiplicity = [0_u32; MAX_RANK as usize + 1];
        multiplicity[0] = (REGISTERS - self.ranks.len()) as u32;
        for (_, rank) in &self.ranks {
            multiplicity[usize::from(*rank)] += 1;
        }
        estimate(&multiplicity).round() as u64
    }

    /// Encodes the sketch: a byte for the form, then pairs of distance and rank, or all ranks, one a byte.
    ///
    /// An empty sketch is an empty encoding.
    pub fn encode(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        if self.ranks.len() > MAX_SPARSE {
            let mut out = vec![0; 1 + REGISTERS];
            out[0] = DENSE;
            for &(register, rank) in &self.ranks {
                out[1 + usize::from(register)] = rank;
            }
            return out;
        }
        let mut out = Vec::with_capacity(1 + 3 * self.ranks.len());
        out.push(SPARSE);
        let mut next = 0;
        for &(register, rank) in &self.ranks {
            write_varint(&mut out, u64::from(register - next));
            out.push(rank);
            next = register + 1;
        }
        out
    }

    /// Decodes what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// When the bytes are cut off, carry another form, a register out of range or a rank out of `1..=53`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        // A register takes two bytes where they are few, and there are no more than registers.
        let mut ranks = Vec::with_capacity((bytes.len() / 2).min(REGISTERS));
        Self::read_ranks(bytes, |register, rank| ranks.push((register, rank)))?;
        Ok(Self { ranks })
    }

    /// Reads what [`encode`](Self::encode) wrote, a register at a time, ascending.
    pub(crate) fn read_ranks(bytes: &[u8], each: impl FnMut(u16, u8)) -> Result<(), DecodeError> {
        match bytes.first() {
            None => Ok(()),
            Some(&DENSE) => read_dense(bytes, each),
            Some(_) => read_sparse(bytes, each),
        }
    }
}

fn merged(left: &[(u16, u8)], right: &[(u16, u8)]) -> Vec<(u16, u8)> {
    let mut out = Vec::with_capacity((left.len() + right.len()).min(REGISTERS));
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(&&a), Some(&&b)) = (left.peek(), right.peek()) {
        if a.0 <= b.0 {
            left.next();
        }
        if b.0 <= a.0 {
            right.next();
        }
        out.push(match a.0.cmp(&b.0) {
            std::cmp::Ordering::Less => a,
            std::cmp::Ordering::Greater => b,
            std::cmp::Ordering::Equal => (a.0, a.1.max(b.1)),
        });
    }
    out.extend(left);
    out.extend(right);
    out
}

fn read_sparse(bytes: &[u8], mut each: impl FnMut(u16, u8)) -> Result<(), DecodeError> {
    let mut reader = Reader::new(WHAT, SPARSE, bytes)?;
    if reader.is_empty() {
        return Err(reader.error("cut off"));
    }
    let mut next = 0_u64;
    while !reader.is_empty() {
        let register = next.saturating_add(reader.varint()?);
        let rank = reader.bytes(1)?[0];
        if register >= REGISTERS as u64 {
            return Err(reader.error("a register out of range"));
        }
        if !(1..=MAX_RANK).contains(&rank) {
            return Err(reader.error("a rank out of range"));
        }
        each(u16::try_from(register).unwrap_or(u16::MAX), rank);
        next = register + 1;
    }
    Ok(())
}

fn read_dense(bytes: &[u8], mut each: impl FnMut(u16, u8)) -> Result<(), DecodeError> {
    let mut reader = Reader::new(WHAT, DENSE, bytes)?;
    let registers = reader.bytes(REGISTERS)?;
    if registers.iter().any(|rank| *rank > MAX_RANK) {
        return Err(reader.error("a rank out of range"));
    }
    reader.finish()?;
    (0_u16..).zip(registers).filter(|(_, rank)| **rank > 0).for_each(|(register, rank)| each(register, *rank));
    Ok(())
}

/// Ertl's improved raw estimator, from how many registers have each rank.
fn estimate(multiplicity: &[u32; MAX_RANK as usize + 1]) -> f64 {
    let m = REGISTERS as f64;
    let last = usize::from(MAX_RANK);
    let mut z = m * tau(1.0 - f64::from(multiplicity[last]) / m);
    for count in multiplicity[1..last].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(multiplicity[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn hash(caller: u64) -> CallerHash {
        CallerHash::from_u64(foldhash::quality::FixedState::with_seed(7).hash_one(caller))
    }

    fn sketch_of(callers: impl IntoIterator<Item = u64>) -> CallersSketch {
        let mut sketch = CallersSketch::default();
        for caller in callers {
            sketch.insert(hash(caller));
        }
        sketch
    }

    #[test]
    fn small_numbers_are_exact() {
        for callers in [0, 1, 2, 5, 20] {
            assert_eq!(sketch_of(0..callers).count(), callers);
        }
    }

    #[test]
    fn the_error_stays_within_three_standard_errors() {
        for callers in [100, 1_753, 10_000, 1_000_000] {
            let found = sketch_of(0..callers).count() as f64;
            let error = (found - callers as f64).abs() / callers as f64;
            assert!(error < 3.0 * 0.0163, "{callers} callers, found {found}");
        }
    }

    #[test]
    fn the_same_caller_again_changes_nothing() {
        assert_eq!(sketch_of([1, 2, 1, 1, 2]), sketch_of([1, 2]));
    }

    #[test]
    fn an_unknown_form_is_refused() {
        let error = CallersSketch::decode(&[9, 0, 1]).unwrap_err();

        assert_eq!(error.to_string(), "damaged callers sketch: unknown version");
    }

    #[test]
    fn the_highest_rank_is_accepted() {
        let sketch = {
            let mut sketch = CallersSketch::default();
            sketch.insert(CallerHash::from_u64(1 << 52));
            sketch
        };

        assert_eq!(CallersSketch::decode(&sketch.encode()), Ok(sketch));
    }

    proptest! {
        #[test]
        fn merging_in_any_order_and_grouping_gives_one_result(
            a in vec(any::<u64>(), 0..300), b in vec(any::<u64>(), 0..300), c in vec(any::<u64>(), 0..300),
        ) {
            let [a_sketch, b_sketch, c_sketch] = [&a, &b, &c].map(|callers| sketch_of(callers.iter().copied()));
            let mut left = a_sketch.clone();
            left.merge(&b_sketch);
            left.merge(&c_sketch);
            let mut right = c_sketch;
            right.merge(&b_sketch);
            right.merge(&a_sketch);

            prop_assert_eq!(&left, &right);
            prop_assert_eq!(left, sketch_of([a, b, c].concat()));
        }

        #[test]
        fn an_encoding_is_read_back_as_it_was(callers in prop_oneof![0_u64..50, 1_000_u64..9_000]) {
            let sketch = sketch_of(0..callers);

            prop_assert_eq!(CallersSketch::decode(&sketch.encode()), Ok(sketch));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
            if let Ok(sketch) = CallersSketch::decode(&bytes) {
                prop_assert_eq!(CallersSketch::decode(&sketch.encode()), Ok(sketch));
            }
        }
    }
}
