//! [`BlockCounters`]: a long row of counters of which few are used.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters in a block: 256 bytes, four cache lines.
const WIDTH: usize = 32;

type Block = [AtomicU64; WIDTH];

/// `32 * BLOCKS` counters, allocated a block at a time when first used.
///
/// A drain looks only at the blocks marked in `changed`. A writer adds first and marks second, a drain takes the
/// marks first and the counts second, all in one total order, so a count is never left behind without a mark.
#[derive(Debug)]
pub(super) struct BlockCounters<const BLOCKS: usize> {
    changed: AtomicU64,
    blocks: [OnceLock<Box<Block>>; BLOCKS],
}

impl<const BLOCKS: usize> BlockCounters<BLOCKS> {
    const FITS: () = assert!(BLOCKS <= 64, "a block has one bit in `changed`");

    pub(super) fn new() -> Self {
        let () = Self::FITS;
        Self { changed: AtomicU64::new(0), blocks: [const { OnceLock::new() }; BLOCKS] }
    }

    /// Adds one to a counter.
    #[inline]
    pub(super) fn increment(&self, index: usize) {
        let block = index / WIDTH;
        let counters = self.blocks[block].get_or_init(|| Box::new([const { AtomicU64::new(0) }; WIDTH]));
        counters[index % WIDTH].fetch_add(1, Ordering::SeqCst);
        let mark = 1 << block;
        if self.changed.load(Ordering::SeqCst) & mark == 0 {
            self.changed.fetch_or(mark, Ordering::SeqCst);
        }
    }

    /// Takes every counter that is not zero, in the order of their indices, and leaves zero.
    pub(super) fn drain(&self, mut take: impl FnMut(usize, u64)) {
        if self.changed.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut changed = self.changed.swap(0, Ordering::SeqCst);
        while changed != 0 {
            let block = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            let Some(counters) = self.blocks[block].get() else {
                continue;
            };
            for (i, counter) in counters.iter().enumerate() {
                if counter.load(Ordering::SeqCst) != 0 {
                    take(block * WIDTH + i, counter.swap(0, Ordering::SeqCst));
                }
            }
        }
    }

    /// The sum of all counters.
    pub(super) fn sum(&self) -> u64 {
        let counters = self.blocks.iter().filter_map(OnceLock::get).flat_map(|block| block.iter());
        counters.map(|counter| counter.load(Ordering::SeqCst)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    #[test]
    fn a_drain_takes_every_count_once_and_in_order() {
        let counters = BlockCounters::<4>::new();
        for index in [127, 0, 33, 0] {
            counters.increment(index);
        }

        let mut taken = Vec::new();
        counters.drain(|index, count| taken.push((index, count)));
        counters.drain(|index, count| taken.push((index, count)));

        assert_eq!(taken, [(0, 2), (33, 1), (127, 1)]);
    }

    #[test]
    fn no_count_is_lost_or_doubled_while_writers_race_a_drain() {
        const ROUNDS: u64 = 200_000;
        let counters = BlockCounters::<4>::new();
        let done = AtomicBool::new(false);
        let mut total = 0;

        thread::scope(|scope| {
            let writers: Vec<_> = (0..2)
                .map(|writer| {
                    let counters = &counters;
                    scope.spawn(move || (0..ROUNDS).for_each(|i| counters.increment((i as usize * 7 + writer) % 128)))
                })
                .collect();
            let drainer = scope.spawn(|| {
                let mut total = 0;
                while !done.load(Ordering::SeqCst) {
                    counters.drain(|_, count| total += count);
                }
                total
            });
            for writer in writers {
                writer.join().unwrap();
            }
            done.store(true, Ordering::SeqCst);
            total = drainer.join().unwrap();
        });
        counters.drain(|_, count| total += count);

        assert_eq!(total, 2 * ROUNDS);
    }
}
