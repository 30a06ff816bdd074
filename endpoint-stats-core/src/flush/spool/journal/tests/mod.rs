//! A journal on a disk that fails: nothing that was sealed is lost, and nothing counts twice.

mod damage;
mod limit;
mod model;
mod names;

use std::collections::BTreeSet;

use super::super::faulty_disk::{Fails, FaultyDisk};
use super::super::forgetful_store::{ForgetfulStore, delta, numbers};
use super::super::step::{Conclusion, Head, Step};
use super::super::{SpoolSync, WhenFull};
use super::*;
use crate::store::{Applied, StoreErrorKind};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, sync: SpoolSync::EachBatch };

/// A process: what it promised, and what it holds in memory.
#[derive(Debug)]
struct Process {
    journal: Journal<FaultyDisk>,
    when_full: WhenFull,
    head: Option<Head>,
    conclusion: Option<Conclusion>,
    pending: Vec<Delta>,
    /// What a crash must not lose.
    durable: BTreeSet<usize>,
    /// Hits that it said to have given up.
    lost: u64,
}

impl Process {
    fn start(disk: &FaultyDisk) -> Self {
        Self::start_with(disk, LIMITS, WhenFull::Merge)
    }

    fn start_with(disk: &FaultyDisk, limits: Limits, when_full: WhenFull) -> Self {
        let (journal, _) = Journal::open(disk.clone(), limits).unwrap();
        let (head, conclusion, pending) = (None, None, Vec::new());
        Self { journal, when_full, head, conclusion, pending, durable: BTreeSet::new(), lost: 0 }
    }

    fn in_memory(&self) -> BTreeSet<usize> {
        let kept = self.journal.in_memory.values().flat_map(|kept| kept.part.decode().unwrap());
        let kept: Vec<_> = kept.chain(self.pending.iter().cloned()).collect();
        numbers(&kept).collect()
    }

    /// Counts hits, and lets the disk be worked on once.
    fn seal(&mut self, counted: &[usize]) {
        let mut given = self.in_memory();
        given.extend(counted);
        self.pending.extend(counted.iter().copied().map(delta));
        let deltas = std::mem::take(&mut self.pending);
        let mut step = Step { conclusion: self.conclusion.take(), deltas, may_seal: true, ..Step::default() };
        step.run(&mut self.journal, self.head.is_none(), self.when_full);
        (self.conclusion, self.pending) = (step.conclusion, step.deltas);
        self.head = step.head.or(self.head.take());
        self.lost += step.written.dropped_full + step.written.dropped_unreadable;
        let in_memory = self.in_memory();
        self.durable.extend(given.difference(&in_memory));
        if self.when_full == WhenFull::DropOldest {
            self.durable = self.durable.difference(&in_memory).copied().collect();
        }
    }

    /// Sends the batch that is next; the answer may get lost.
    fn send(&mut self, store: &mut ForgetfulStore, answer_arrives: bool) {
        let Some(head) = &self.head else { return };
        let answer = store.apply(&head.batch);
        if !answer_arrives {
            return;
        }
        let len = head.batch.deltas.len() / 2;
        self.conclusion = Some(match answer.map_err(|error| error.kind()) {
            Ok(Applied::Gap { .. }) | Err(StoreErrorKind::Conflict) => Conclusion::Rename,
            Err(StoreErrorKind::Rejected) if len > 0 => Conclusion::Halve(Half { len: len as u64, hits: len as u64 }),
            _ => Conclusion::Done,
        });
        self.head = None;
        self.seal(&[]);
    }

    fn bring_everything(&mut self, store: &mut ForgetfulStore) {
        self.seal(&[]);
        for _ in 0..1_000 {
            self.send(store, true);
            if self.journal.is_empty() && self.pending.is_empty() {
                return;
            }
            self.seal(&[]);
        }
        panic!("it does not end: {self:?}");
    }
}

/// A new process on the same disk brings what is left.
fn bring_everything(disk: &FaultyDisk, store: &mut ForgetfulStore) {
    Process::start(disk).bring_everything(store);
}

/// Everything that a process does with a spool, at a store that refuses a number, and may lose its writers.
fn day(process: &mut Process, store: &mut ForgetfulStore, writers_are_lost: bool) {
    store.poisoned.insert(6);
    process.seal(&[0]);
    process.seal(&[1, 2]);
    process.send(store, true);
    process.seal(&[3]);
    process.send(store, false);
    process.seal(&[4, 5, 6, 7]);
    if writers_are_lost {
        store.lose_writers();
    }
    for number in 8..14 {
        process.send(store, true);
        process.seal(&[number]);
    }
}

#[test]
fn whichever_calls_fail_and_whatever_a_crash_keeps_no_sealed_batch_is_lost_or_counted_twice() {
    let mut reached = 0;
    for nth in 1.. {
        let mut is_over = true;
        let fails = [Fails::Once(nth), Fails::From(nth), Fails::Some(nth, 2), Fails::Some(nth, 3), Fails::Some(nth, 4)];
        for (fails, writers_are_lost) in fails.into_iter().flat_map(|fails| [(fails, false), (fails, true)]) {
            for kept in [None, Some(0), Some(100), Some(200), Some(255)] {
                let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
                let mut process = Process::start(&disk);
                disk.fail(Some(fails));
                day(&mut process, &mut store, writers_are_lost);
                is_over &= disk.calls() < nth;

                disk.fail(None);
                if let Some(kept) = kept {
                    disk.crash(kept);
                    bring_everything(&disk, &mut store);
                } else {
                    process.bring_everything(&mut store);
                }

                check(&process, &store, &format!("{fails:?}, and a crash that kept {kept:?}"));
                assert_eq!(process.lost, 0, "{fails:?}");
                reached += 1;
            }
        }
        if is_over {
            break;
        }
    }
    assert!(reached > 1_000, "{reached}");
}

/// What is durable counts once; nothing counts more often.
fn check(process: &Process, store: &ForgetfulStore, after: &str) {
    for number in process.durable.difference(&store.poisoned) {
        assert!(store.times(*number) >= 1, "{number} is lost after {after}");
    }
    for (number, times) in &store.counted {
        assert!(*times == 1 || (store.excused.contains(number) && *times == 2), "{number}: {times} after {after}");
    }
}
