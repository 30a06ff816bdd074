//! [`CallerRegisters`]: a HyperLogLog that every thread raises without a lock.

use crate::sketch::{CallerHash, CallersSketch, REGISTERS, register_of};
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// One bit of `changed` stands for this many registers, a cache line.
const LINE: usize = REGISTERS / 64;

/// The registers of one endpoint since the last drain; marks work as in
/// [`BlockCounters`](super::block_counters::BlockCounters).
#[derive(Debug)]
pub(super) struct CallerRegisters {
    changed: AtomicU64,
    registers: Box<[AtomicU8]>,
}

impl CallerRegisters {
    pub(super) fn new() -> Self {
        Self { changed: AtomicU64::new(0), registers: (0..REGISTERS).map(|_| AtomicU8::new(0)).collect() }
    }

    /// Records a caller.
    #[inline]
    pub(super) fn insert(&self, caller: CallerHash) {
        let (register, rank) = register_of(caller);
        if self.registers[register].load(Ordering::SeqCst) >= rank {
            return;
        }
        self.registers[register].fetch_max(rank, Ordering::SeqCst);
        self.changed.fetch_or(1 << (register / LINE), Ordering::SeqCst);
    }

    /// Takes the callers recorded since the last drain.
    pub(super) fn drain(&self) -> CallersSketch {
        let mut sketch = CallersSketch::default();
        let mut changed = self.changed.swap(0, Ordering::SeqCst);
        while changed != 0 {
            let line = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            for register in line * LINE..(line + 1) * LINE {
                if self.registers[register].load(Ordering::SeqCst) != 0 {
                    sketch.raise(register, self.registers[register].swap(0, Ordering::SeqCst));
                }
            }
        }
        sketch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_gives_the_sketch_of_the_same_callers() {
        let callers = (0..5_000_u64).map(|i| CallerHash::from_u64(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let registers = CallerRegisters::new();
        let mut expected = CallersSketch::default();
        for caller in callers {
            registers.insert(caller);
            expected.insert(caller);
        }

        assert_eq!(registers.drain(), expected);
        assert!(registers.drain().is_empty());
    }
}
