//! [`Dice`]: choices that a seed repeats.

use std::ops::Range;

/// A source of choices; the same seed makes the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another source, which neither takes choices from this one nor repeats them.
    pub(crate) fn split(&self, name: &str) -> Self {
        let of_name = name.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(of_name)
    }

    /// The next number: `SplitMix64`.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of a range that holds one.
    pub(crate) fn of(&mut self, range: Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start)
    }

    /// The index of one of so many.
    pub(crate) fn index(&mut self, many: usize) -> usize {
        usize::try_from(self.number() % many as u64).unwrap_or_default()
    }

    /// One of some.
    pub(crate) fn one<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.index(some.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices_and_another_makes_others() {
        let thrown = |seed| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| dice.of(3..9)).collect::<Vec<_>>()
        };

        assert_eq!(thrown(1), thrown(1));
        assert_ne!(thrown(1), thrown(2));
        assert!(thrown(1).iter().all(|number| (3..9).contains(number)));
    }

    #[test]
    fn what_is_split_off_has_choices_of_its_own() {
        let dice = Dice::new(7);

        assert_ne!(dice.split("writers").number(), dice.split("faults").number());
        assert_eq!(dice.split("faults").number(), dice.split("faults").number());
    }
}
