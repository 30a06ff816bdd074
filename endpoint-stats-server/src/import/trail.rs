//! [`Trail`]: what is remembered of the bytes before a place in a stream.

use super::landmarks::Landmarks;
use super::tail::Tail;

/// What is remembered of the bytes before a place in a stream: by it the stream is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trail {
    /// Bytes before the place, decompressed.
    pub(super) offset: u64,
    /// The last of them.
    pub(super) tail: Tail,
    /// Digests along the way.
    pub(super) landmarks: Landmarks,
}

impl Trail {
    /// Moves on behind some bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(len) = Landmarks::next(self.offset, rest) {
            let (before, behind) = rest.split_at(len);
            self.advance(before);
            self.landmarks.push(self.offset, self.tail.short_digest());
            rest = behind;
        }
        self.advance(rest);
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.tail.pass(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn trail_of(bytes: &[u8]) -> Trail {
        let mut trail = Trail::default();
        trail.pass(bytes);
        trail
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![1 => Just(b'\n'), 30 => Just(b'a'), 30 => Just(b'b')], 0..20_000)
    }

    proptest! {
        #[test]
        fn a_trail_does_not_depend_on_the_steps(text in text(), step in 1..9_000_usize) {
            let mut trail = Trail::default();
            text.chunks(step).for_each(|bytes| trail.pass(bytes));

            prop_assert_eq!(trail, trail_of(&text));
        }

        #[test]
        fn a_start_has_the_first_landmarks(text in text(), at: prop::sample::Index) {
            let start = &text[..at.index(text.len() + 1)];

            prop_assert!(trail_of(&text).landmarks.starts_with(&trail_of(start).landmarks));
        }

        #[test]
        fn another_byte_before_a_landmark_is_noticed(text in text(), at: prop::sample::Index) {
            let (mut other, landmarks) = (text.clone(), trail_of(&text).landmarks);
            let is_before_one = other.get_mut(at.index(text.len().max(1))).is_some_and(|byte| {
                *byte = b'c';
                (at.index(text.len()) as u64) < landmarks.last_offset().min(4_096)
            });

            prop_assert!(!is_before_one || !trail_of(&other).landmarks.starts_with(&landmarks));
        }
    }
}
