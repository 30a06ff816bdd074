//! [`Tail`]: the last bytes before a place in a stream.

const TAIL_BYTES: usize = 4_096;

/// The last 4 KiB, or fewer, before a place in a stream: by them a stream is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    /// How long the tail at an offset is.
    pub(super) fn len_at(offset: u64) -> usize {
        usize::try_from(offset).map_or(TAIL_BYTES, |offset| offset.min(TAIL_BYTES))
    }

    /// Moves on behind some bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        let kept = TAIL_BYTES.saturating_sub(bytes.len()).min(self.0.len());
        self.0.drain(..self.0.len() - kept);
        self.0.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
    }

    /// The BLAKE3 hash of the tail.
    pub(super) fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.0).as_bytes()
    }

    /// The first 8 bytes of the digest.
    pub(super) fn short_digest(&self) -> [u8; 8] {
        *self.digest().first_chunk().expect("a digest has 32 bytes")
    }

    /// Whether the place is within a line.
    pub(super) fn is_within_line(&self) -> bool {
        self.0.last().is_some_and(|byte| *byte != b'\n')
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_behind_a_line_feed_is_not_within_a_line() {
        let mut tail = Tail::default();
        assert!(!tail.is_within_line());

        tail.pass(b"a\nb");
        assert!(tail.is_within_line());

        tail.pass(b"\n");
        assert!(!tail.is_within_line());
    }

    proptest! {
        #[test]
        fn a_tail_does_not_depend_on_the_steps(steps in vec(vec(any::<u8>(), 0..3_000), 0..6)) {
            let mut tail = Tail::default();
            for step in &steps {
                tail.pass(step);
            }

            let whole = steps.concat();
            prop_assert_eq!(tail.0, &whole[whole.len() - Tail::len_at(whole.len() as u64)..]);
        }
    }
}
