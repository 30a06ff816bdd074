//! What Redis keeps of an answer: bytes that prove themselves.

use super::question::Digest;
use crate::store::sealed::{self, CHECKSUM};
use crate::window::Timestamp;

/// The layout of values; another one has other keys.
pub(super) const LAYOUT: u8 = 1;

/// Layout, question, time.
const HEAD: usize = 1 + 16 + 8;

/// How many bytes a value has beside its answer.
pub(super) const FRAME: usize = HEAD + CHECKSUM;

/// Begins a value: the layout, the question's digest, and the second of the answer. The answer is to follow.
pub(super) fn begin(question: &Digest, answered_at: Timestamp) -> Vec<u8> {
    let mut value = vec![LAYOUT];
    value.extend_from_slice(question);
    value.extend_from_slice(&answered_at.as_unix().to_le_bytes());
    value
}

/// The answer to a question, and its second; `None` if this is no value, or that of another question.
pub(super) fn open<'a>(value: &'a [u8], question: &Digest) -> Option<(Timestamp, &'a [u8])> {
    let (head, answer) = sealed::opened(value)?.split_first_chunk::<HEAD>()?;
    let (asked, answered_at) = head[1..].split_first_chunk()?;
    let is_sound = head[0] == LAYOUT && asked == question;
    let answered_at = i64::from_le_bytes(answered_at.try_into().ok()?);
    is_sound.then(|| (Timestamp::from_unix(answered_at), answer))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn value(question: &Digest, answered_at: Timestamp, answer: &[u8]) -> Vec<u8> {
        let mut value = begin(question, answered_at);
        value.extend_from_slice(answer);
        sealed::seal(&mut value);
        value
    }

    proptest! {
        #[test]
        fn a_value_is_opened_as_it_was(question: Digest, at: i64, answer in vec(any::<u8>(), 0..99)) {
            let at = Timestamp::from_unix(at);
            let value = value(&question, at, &answer);

            prop_assert_eq!(open(&value, &question), Some((at, &answer[..])));
            prop_assert_eq!(value.len(), FRAME + answer.len());
        }

        #[test]
        fn damage_is_seen(
            question: Digest,
            answer in vec(any::<u8>(), 0..99),
            at in any::<prop::sample::Index>(),
            flip in 1..=u8::MAX,
            cut in any::<prop::sample::Index>(),
        ) {
            let value = value(&question, Timestamp::EPOCH, &answer);
            let mut flipped = value.clone();
            flipped[at.index(value.len())] ^= flip;
            let mut longer = value.clone();
            longer.push(flip);

            prop_assert_eq!(open(&flipped, &question), None);
            prop_assert_eq!(open(&longer, &question), None);
            prop_assert_eq!(open(&value[..cut.index(value.len())], &question), None);
        }

        #[test]
        fn the_answer_to_another_question_is_none(question: Digest, another: Digest, answer in vec(any::<u8>(), 0..9)) {
            prop_assume!(question != another);

            let value = value(&question, Timestamp::EPOCH, &answer);

            prop_assert_eq!(open(&value, &another), None);
        }

        #[test]
        fn foreign_bytes_are_no_value(question: Digest, foreign in vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(open(&foreign, &question), None);
        }
    }

    #[test]
    fn a_value_of_another_layout_is_none() {
        let mut older = begin(&[7; 16], Timestamp::EPOCH);
        older[0] = LAYOUT - 1;
        sealed::seal(&mut older);

        assert_eq!(open(&older, &[7; 16]), None);
    }
}
