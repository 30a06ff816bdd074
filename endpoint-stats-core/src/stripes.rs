//! Which of several equal places a thread writes to, so that threads on different cores do not share one.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More stripes than this cost memory and gain nothing.
const MAX_STRIPES: usize = 16;

/// Something of which each stripe has its own.
#[derive(Debug)]
pub(crate) struct Striped<T>(Box<[T]>);

impl<T> Striped<T> {
    /// Makes one for each stripe that this machine wants: a power of two, one a core up to 16.
    pub(crate) fn new(make: impl FnMut(usize) -> T) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self((0..cores.next_power_of_two().min(MAX_STRIPES)).map(make).collect())
    }

    /// The one of the thread that asks.
    #[inline]
    pub(crate) fn of_this_thread(&self) -> &T {
        &self.0[thread_number() & (self.0.len() - 1)]
    }

    pub(crate) fn get(&self, stripe: usize) -> &T {
        &self.0[stripe]
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

/// A number that threads started one after the other have in ascending order.
#[inline]
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    NUMBER
        .try_with(|number| {
            if number.get() == usize::MAX {
                number.set(NEXT.fetch_add(1, Ordering::Relaxed) & (usize::MAX >> 1));
            }
            number.get()
        })
        .unwrap_or(0)
}
