//! [`Checkpoint`]: how far an import got, kept in the store with the counts.

const VERSION: u8 = 1;

/// How far an import got in its input: committed with the counts up to there, so that both are true or neither.
///
/// Encoded as: version byte 1, offset and lines as 8 bytes each (little endian), digest of the tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Bytes that were read, decompressed.
    pub(super) offset: u64,
    /// Lines in those bytes.
    pub(super) lines: u64,
    /// The [`Tail`](super::tail::Tail)'s digest at the offset.
    pub(super) tail: [u8; 32],
}

impl Checkpoint {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&[VERSION][..], &self.offset.to_le_bytes(), &self.lines.to_le_bytes(), &self.tail].concat()
    }

    /// Decodes what [`encode`](Self::encode) wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (lines, rest) = rest.split_first_chunk()?;
        let tail = rest.try_into().ok().filter(|_| *version == VERSION)?;
        Some(Self { offset: u64::from_le_bytes(*offset), lines: u64::from_le_bytes(*lines), tail })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn another_version_is_not_decoded() {
        let mut bytes = Checkpoint { offset: 1, lines: 2, tail: [3; 32] }.encode();
        bytes[0] = 2;

        assert_eq!(Checkpoint::decode(&bytes), None);
    }

    proptest! {
        #[test]
        fn an_encoding_is_read_back_as_it_was(offset: u64, lines: u64, tail: [u8; 32]) {
            let checkpoint = Checkpoint { offset, lines, tail };

            prop_assert_eq!(Checkpoint::decode(&checkpoint.encode()), Some(checkpoint));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            Checkpoint::decode(&bytes);
        }
    }
}
