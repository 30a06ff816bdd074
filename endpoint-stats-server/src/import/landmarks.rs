//! [`Landmarks`]: digests along a stream, by which a shorter copy of it is recognised.

use memchr::memchr;

/// Up to here, a landmark stands behind every line; from here on, eight stand between an offset and its double.
const HEAD_BYTES: u64 = 4_096;

const PER_DOUBLING: u64 = 8;
const ENCODED_BYTES: usize = 16;

/// Digests of what stands before some offsets of a stream, in the order of their offsets.
///
/// Where landmarks stand depends on the stream's bytes only, so a shorter copy of a stream has its first landmarks.
/// Their number grows with the logarithm of the length: a stream of 1 GiB has some 160.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Landmarks(Vec<(u64, [u8; 8])>);

impl Landmarks {
    /// How many of the bytes behind an offset lie before the next landmark, if it is among them.
    pub(super) fn next(offset: u64, bytes: &[u8]) -> Option<usize> {
        let evenly = usize::try_from(next_even(offset) - offset).ok().filter(|len| *len <= bytes.len());
        if offset >= HEAD_BYTES {
            return evenly;
        }
        let head = &bytes[..evenly.unwrap_or(bytes.len())];
        memchr(b'\n', head).map(|end| end + 1).or(evenly)
    }

    /// Adds the one behind all others.
    pub(super) fn push(&mut self, offset: u64, digest: [u8; 8]) {
        self.0.push((offset, digest));
    }

    /// Whether a stream with these landmarks starts with one that has those, as far as they tell.
    pub(super) fn starts_with(&self, shorter: &Self) -> bool {
        self.0.starts_with(&shorter.0)
    }

    /// The offset of the last one; 0 when there is none.
    pub(super) fn last_offset(&self) -> u64 {
        self.0.last().map_or(0, |(offset, _)| *offset)
    }

    /// Encodes each as 16 bytes: the offset (little endian) and the digest.
    pub(super) fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(offset, digest)| [offset.to_le_bytes(), *digest]).flatten().collect()
    }

    /// Decodes what [`encode`](Self::encode) wrote; `None` when it was cut off.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (landmarks, rest) = bytes.as_chunks::<ENCODED_BYTES>();
        let one = |bytes: &[u8; ENCODED_BYTES]| {
            let (offset, digest) = bytes.split_first_chunk()?;
            Some((u64::from_le_bytes(*offset), digest.try_into().ok()?))
        };
        if rest.is_empty() { landmarks.iter().map(one).collect::<Option<_>>().map(Self) } else { None }
    }
}

/// The next offset that has a landmark whatever stands there.
fn next_even(offset: u64) -> u64 {
    if offset < HEAD_BYTES {
        return HEAD_BYTES;
    }
    let step = (1 << offset.ilog2()) / PER_DOUBLING;
    (offset / step + 1) * step
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_landmark_stands_behind_each_line_of_the_first_4_kib() {
        assert_eq!(Landmarks::next(0, b"a\nb\n"), Some(2));
        assert_eq!(Landmarks::next(2, b"b"), None);
        assert_eq!(Landmarks::next(4_094, b"abc\n"), Some(2));
        assert_eq!(Landmarks::next(4_096, b"a\nb\n"), None);
    }

    #[test]
    fn eight_landmarks_stand_between_an_offset_and_its_double() {
        let offsets: Vec<_> = std::iter::successors(Some(8_192), |offset| Some(next_even(*offset))).take(10).collect();

        assert_eq!(offsets, [8_192, 9_216, 10_240, 11_264, 12_288, 13_312, 14_336, 15_360, 16_384, 18_432]);
    }

    proptest! {
        #[test]
        fn an_encoding_is_read_back_as_it_was(landmarks in vec(any::<(u64, [u8; 8])>(), 0..9)) {
            let landmarks = Landmarks(landmarks);

            prop_assert_eq!(Landmarks::decode(&landmarks.encode()), Some(landmarks));
        }

        #[test]
        fn the_last_even_landmark_leaves_less_than_an_eighth(offset in HEAD_BYTES..1 << 50) {
            let next = next_even(offset);

            prop_assert!(next > offset);
            prop_assert!(next - offset <= offset / PER_DOUBLING);
        }
    }
}
