//! [`Random`]: chance that a seed repeats.

/// A small generator (xorshift64, Marsaglia 2003).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Begins at a seed; seeds next to each other have nothing in common.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        let place = usize::try_from(self.below(things.len() as u64)).expect("it is below a length");
        things[place]
    }
}
