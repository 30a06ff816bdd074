//! [`Checkpoint`]: how far an import got, kept in the store with the counts.

use super::landmarks::Landmarks;
use super::trail::Trail;

const VERSION: u8 = 2;

/// How far an import got in its input: committed with the counts up to there, so that both are true or neither.
///
/// Encoded as: version byte 2, offset and lines as 8 bytes each (little endian), digest of the tail, landmarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Bytes that were read, decompressed.
    pub(super) offset: u64,
    /// Lines in those bytes.
    pub(super) lines: u64,
    /// The [`Tail`](super::tail::Tail)'s digest at the offset.
    pub(super) tail: [u8; 32],
    /// The landmarks up to the offset.
    pub(super) landmarks: Landmarks,
}

impl Checkpoint {
    pub(super) fn new(trail: &Trail, lines: u64) -> Self {
        Self { offset: trail.offset, lines, tail: trail.tail.digest(), landmarks: trail.landmarks.clone() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { offset, lines, tail, landmarks } = self;
        [&[VERSION][..], &offset.to_le_bytes(), &lines.to_le_bytes(), tail, &landmarks.encode()].concat()
    }

    /// Decodes what [`encode`](Self::encode) wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[VERSION])?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (lines, rest) = rest.split_first_chunk()?;
        let (tail, rest) = rest.split_first_chunk()?;
        let (offset, lines) = (u64::from_le_bytes(*offset), u64::from_le_bytes(*lines));
        Some(Self { offset, lines, tail: *tail, landmarks: Landmarks::decode(rest)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checkpoint(bytes: &[u8], lines: u64) -> Checkpoint {
        let mut trail = Trail::default();
        trail.pass(bytes);
        Checkpoint::new(&trail, lines)
    }

    #[test]
    fn another_version_is_not_decoded() {
        let mut bytes = checkpoint(b"a\nb\n", 2).encode();
        bytes[0] = 1;

        assert_eq!(Checkpoint::decode(&bytes), None);
    }

    proptest! {
        #[test]
        fn an_encoding_is_read_back_as_it_was(bytes: Vec<u8>, lines: u64) {
            let checkpoint = checkpoint(&bytes, lines);

            prop_assert_eq!(Checkpoint::decode(&checkpoint.encode()), Some(checkpoint));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            Checkpoint::decode(&bytes);
            Checkpoint::decode(&[&[VERSION], &bytes[..]].concat());
        }
    }
}
