//! [`BlockCounters`]: a long row of counters of which few are used.

use std::array;

use crate::sync::OnceLock;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Counters in a cache line.
const LINE: usize = 8;

/// Counters in a block: four cache lines.
const WIDTH: usize = 4 * LINE;

/// Words of marks: one bit a cache line.
const WORDS: usize = 3;

#[derive(Debug)]
#[repr(align(64))]
struct Line([AtomicU64; LINE]);

type Block = [Line; WIDTH / LINE];

/// `32 * BLOCKS` counters, allocated a block at a time when first used.
///
/// A drain looks only at the cache lines marked in `changed`. A writer adds first and marks second, a drain takes the
/// marks first and the counts second, all in one total order, so a count is never left behind without a mark.
#[derive(Debug)]
pub(super) struct BlockCounters<const BLOCKS: usize> {
    changed: [AtomicU64; WORDS],
    blocks: [OnceLock<Box<Block>>; BLOCKS],
}

impl<const BLOCKS: usize> BlockCounters<BLOCKS> {
    const FITS: () = assert!(BLOCKS * WIDTH / LINE <= WORDS * 64, "every cache line has a bit in `changed`");

    pub(super) fn new() -> Self {
        let () = Self::FITS;
        Self { changed: array::from_fn(|_| AtomicU64::new(0)), blocks: array::from_fn(|_| OnceLock::new()) }
    }

    /// Adds one to a counter.
    #[inline]
    pub(super) fn increment(&self, index: usize) {
        let block = self.blocks[index / WIDTH].get_or_init(new_block);
        block[index % WIDTH / LINE].0[index % LINE].fetch_add(1, Ordering::SeqCst);
        let line = index / LINE;
        let (word, mark) = (&self.changed[line / 64], 1 << (line % 64));
        if word.load(Ordering::SeqCst) & mark == 0 {
            word.fetch_or(mark, Ordering::SeqCst);
        }
    }

    /// Takes every counter that is not zero, in the order of their indices, and leaves zero.
    pub(super) fn drain(&self, mut take: impl FnMut(usize, u64)) {
        for (word, changed) in self.changed.iter().enumerate() {
            if changed.load(Ordering::SeqCst) == 0 {
                continue;
            }
            let mut changed = changed.swap(0, Ordering::SeqCst);
            while changed != 0 {
                self.drain_line(word * 64 + changed.trailing_zeros() as usize, &mut take);
                changed &= changed - 1;
            }
        }
    }

    fn drain_line(&self, line: usize, take: &mut impl FnMut(usize, u64)) {
        let first = line * LINE;
        let Some(block) = self.blocks[first / WIDTH].get() else { return };
        for (i, counter) in block[first % WIDTH / LINE].0.iter().enumerate() {
            if counter.load(Ordering::SeqCst) != 0 {
                take(first + i, counter.swap(0, Ordering::SeqCst));
            }
        }
    }

    /// The sum of all counters.
    pub(super) fn sum(&self) -> u64 {
        let counters =
            self.blocks.iter().filter_map(OnceLock::get).flat_map(|block| block.iter().flat_map(|line| &line.0));
        counters.map(|counter| counter.load(Ordering::SeqCst)).sum()
    }
}

#[cold]
fn new_block() -> Box<Block> {
    Box::new(array::from_fn(|_| Line(array::from_fn(|_| AtomicU64::new(0)))))
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
        const ROUNDS: usize = 200_000;
        let counters = BlockCounters::<4>::new();
        let done = AtomicBool::new(false);
        let mut total = 0;

        thread::scope(|scope| {
            let writers: Vec<_> = (0..2)
                .map(|writer| {
                    let counters = &counters;
                    scope.spawn(move || (0..ROUNDS).for_each(|i| counters.increment((i * 7 + writer) % 128)))
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

        assert_eq!(total, 2 * ROUNDS as u64);
    }
}
