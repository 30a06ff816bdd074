//! The models are red on recorders that lose or double hits in some interleaving.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread;

use super::Explored::Whole;
use super::{explore, join};

/// A counter with a mark that says whether a drain has to look.
#[derive(Debug)]
struct Counter {
    hits: AtomicU64,
    changed: AtomicBool,
}

/// What a recorder can do wrong.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    adds: fn(&Counter),
    takes: fn(&Counter) -> u64,
}

impl Counter {
    fn add(&self) {
        self.hits.fetch_add(1, Ordering::SeqCst);
        self.changed.swap(true, Ordering::SeqCst);
    }

    fn mark_and_add(&self) {
        self.changed.swap(true, Ordering::SeqCst);
        self.hits.fetch_add(1, Ordering::SeqCst);
    }

    fn take(&self) -> u64 {
        if self.changed.swap(false, Ordering::SeqCst) { self.hits.swap(0, Ordering::SeqCst) } else { 0 }
    }

    fn read_and_clear(&self) -> u64 {
        let hits = self.hits.load(Ordering::SeqCst);
        self.hits.store(0, Ordering::SeqCst);
        hits
    }

    fn take_and_unmark(&self) -> u64 {
        let hits = self.hits.swap(0, Ordering::SeqCst);
        self.changed.swap(false, Ordering::SeqCst);
        hits
    }

    /// Takes again if there is a mark.
    fn last(&self) -> u64 {
        self.take()
    }
}

/// The model that the recorder passes, on a counter.
fn two_writers_and_a_drain(Wrong { adds, takes }: Wrong) {
    explore(Whole, move || {
        let counter = Arc::new(Counter { hits: AtomicU64::new(0), changed: AtomicBool::new(false) });
        let writers = [(), ()].map(|()| {
            let counter = Arc::clone(&counter);
            thread::spawn(move || adds(&counter))
        });

        let mut total = takes(&counter);
        join(writers);
        total += counter.last();

        assert_eq!(total, 2);
    });
}

#[test]
fn the_order_the_recorder_has_is_right() {
    two_writers_and_a_drain(Wrong { adds: Counter::add, takes: Counter::take });
}

#[test]
#[should_panic(expected = "left == right")]
fn a_counter_that_is_read_and_then_cleared_is_caught() {
    two_writers_and_a_drain(Wrong { adds: Counter::add, takes: Counter::read_and_clear });
}

#[test]
#[should_panic(expected = "left == right")]
fn a_mark_before_its_count_is_caught() {
    two_writers_and_a_drain(Wrong { adds: Counter::mark_and_add, takes: Counter::take });
}

#[test]
#[should_panic(expected = "left == right")]
fn a_mark_that_is_taken_after_the_count_is_caught() {
    two_writers_and_a_drain(Wrong { adds: Counter::add, takes: Counter::take_and_unmark });
}
