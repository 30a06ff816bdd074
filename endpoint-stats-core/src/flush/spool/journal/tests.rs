//! A journal on a disk that fails: nothing that was sealed is lost, and nothing counts twice.

use std::collections::{BTreeMap, BTreeSet};

use super::super::faulty_disk::{Fails, FaultyDisk};
use super::*;
use crate::aggregate::Counts;
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::hit::Outcome;
use crate::window::{Timestamp, Width, Window};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, sync: SpoolSync::EachBatch };

/// One hit of an endpoint of its own.
fn delta(number: usize) -> Delta {
    let at = Timestamp::from_unix(1_700_000_000);
    let route = Route::new(&format!("/{number}")).unwrap();
    Delta {
        endpoint: Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, route),
        window: Window::containing(at, Width::TenSeconds),
        first_at: at,
        last_at: at,
        counts: Counts { outcomes: [(Outcome::Status(200), 1)].into_iter().collect(), ..Counts::default() },
    }
}

/// What a store knows: the last batch of each writer, and how often each endpoint was counted.
#[derive(Debug, Default)]
struct Store {
    last: BTreeMap<WriterId, u64>,
    counted: BTreeMap<String, u64>,
    // What was counted when the store lost its writers: if it is sent again, nobody can tell it from new hits.
    excused: BTreeSet<String>,
}

impl Store {
    fn lose_writers(&mut self) {
        self.last.clear();
        self.excused.extend(self.counted.keys().cloned());
    }

    fn apply(&mut self, batch: &Batch) -> crate::store::Applied {
        use crate::store::Applied;

        let last = self.last.entry(batch.writer).or_default();
        if batch.seq <= *last {
            return Applied::Duplicate;
        }
        if batch.seq > *last + 1 {
            return Applied::Gap { last_seq: *last };
        }
        *last = batch.seq;
        for delta in &batch.deltas {
            *self.counted.entry(delta.endpoint.route().as_str().to_owned()).or_default() += 1;
        }
        Applied::Applied
    }

    fn excuses(&self, number: usize) -> bool {
        self.excused.contains(&format!("/{number}"))
    }

    fn times(&self, number: usize) -> u64 {
        self.counted.get(&format!("/{number}")).copied().unwrap_or(0)
    }
}

/// A process: what it sealed, and what it holds in memory.
#[derive(Debug)]
struct Process {
    journal: Journal<FaultyDisk>,
    sealed: Vec<usize>,
    unsealed: Vec<usize>,
}

impl Process {
    fn start(disk: &FaultyDisk) -> Self {
        Self { journal: Journal::open(disk.clone(), LIMITS).unwrap().0, sealed: Vec::new(), unsealed: Vec::new() }
    }

    fn seal(&mut self, numbers: &[usize]) {
        let in_memory = self.journal.unsure.len();
        match self.journal.seal(numbers.iter().copied().map(delta).collect()) {
            Ok(()) if self.journal.unsure.len() == in_memory => self.sealed.extend(numbers),
            Ok(()) => self.unsealed.extend(numbers),
            Err(_) => self.unsealed.extend(numbers),
        }
    }

    /// Sends a batch, if there is one and the disk lets it be sent; the answer may get lost.
    fn send(&mut self, store: &mut Store, answer_arrives: bool) -> bool {
        let Ok(Some(batch)) = self.journal.front() else { return false };
        let applied = store.apply(&batch);
        if !answer_arrives {
            return true;
        }
        match applied {
            crate::store::Applied::Gap { .. } => self.journal.rename().is_ok(),
            _ => {
                self.journal.done();
                true
            }
        }
    }
}

/// Everything that a process does with a spool, at a store that refuses a batch, and may lose its writers.
fn day(process: &mut Process, store: &mut Store, writers_are_lost: bool) {
    process.seal(&[0]);
    process.seal(&[1, 2]);
    process.send(store, true);
    process.seal(&[3]);
    process.send(store, false);
    process.seal(&[4, 5]);
    if writers_are_lost {
        store.lose_writers();
    }
    process.send(store, true);
    process.send(store, true);
    process.seal(&[6]);
    // It refuses the batch that is next, which is sent in halves.
    if let Ok(Some(batch)) = process.journal.front() {
        let mut first = batch.deltas.clone();
        let second = first.split_off(first.len() / 2);
        let halves = [first, second].into_iter().filter(|half| !half.is_empty()).collect();
        let _ = process.journal.splice(halves);
    }
    process.send(store, true);
    process.seal(&[7]);
}

fn bring_everything(disk: &FaultyDisk, store: &mut Store) {
    let mut process = Process::start(disk);
    for _ in 0..100 {
        process.send(store, true);
    }
    assert!(process.journal.is_empty(), "{process:?}");
}

#[test]
fn whichever_call_fails_and_whatever_a_crash_keeps_no_sealed_batch_is_lost_or_counted_twice() {
    let mut reached = 0;
    for nth in 1.. {
        let mut is_over = true;
        for (fails, writers_are_lost) in
            [(Fails::Once(nth), false), (Fails::From(nth), false), (Fails::Once(nth), true), (Fails::From(nth), true)]
        {
            for kept in [0, 100, 200, 255] {
                let (disk, mut store) = (FaultyDisk::default(), Store::default());
                let mut process = Process::start(&disk);
                disk.fail(Some(fails));
                day(&mut process, &mut store, writers_are_lost);
                is_over &= disk.calls() < nth;

                disk.crash(kept);
                bring_everything(&disk, &mut store);

                for number in &process.sealed {
                    let times = store.times(*number);
                    let is_right = times == 1 || (store.excuses(*number) && times == 2);
                    assert!(is_right, "{number} counts {times} times after {fails:?} and a crash that kept {kept}");
                }
                for number in process.unsealed.iter().filter(|number| !store.excuses(**number)) {
                    assert!(store.times(*number) <= 1, "{number} is doubled after {fails:?}, {kept}");
                }
                reached += 1;
            }
        }
        if is_over {
            break;
        }
    }
    assert!(reached > 100, "{reached}");
}

#[test]
fn a_spool_that_is_cut_off_anywhere_gives_what_stands_before_the_cut() {
    let disk = FaultyDisk::default();
    let mut process = Process::start(&disk);
    let mut ends = Vec::new();
    for number in 0..5 {
        process.seal(&[number]);
        ends.push(process.journal.bytes());
    }
    let whole = disk.read(1).unwrap();

    for len in 0..whole.len() {
        disk.damage(|files| {
            files.clear();
            files.insert(1, whole[..len].to_vec());
        });
        let (journal, recovered) = Journal::open(disk.clone(), LIMITS).unwrap();

        let expected = ends.iter().filter(|end| **end <= len as u64).count();
        assert_eq!((recovered.batches, recovered.hits), (expected, expected as u64), "cut at {len}");
        assert_eq!(recovered.damages, 0, "cut at {len}: a crash does that, too");
        drop(journal);
    }
}

#[test]
fn a_bit_that_flipped_costs_its_own_record_and_invents_nothing() {
    let disk = FaultyDisk::default();
    let mut process = Process::start(&disk);
    for number in 0..5 {
        process.seal(&[number]);
    }
    let whole = disk.read(1).unwrap();

    for bit in 0..whole.len() * 8 {
        disk.damage(|files| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            files.clear();
            files.insert(1, bytes);
        });
        let mut store = Store::default();
        let (mut journal, recovered) = Journal::open(disk.clone(), LIMITS).unwrap();
        if bit < record::header().len() * 8 {
            assert_eq!(recovered.strange_files, 1, "bit {bit}");
            continue;
        }

        while let Some(batch) = journal.front().unwrap() {
            match store.apply(&batch) {
                crate::store::Applied::Gap { .. } => journal.rename().unwrap(),
                _ => journal.done(),
            }
        }
        assert_eq!(recovered.batches, 4, "bit {bit}");
        assert_eq!(store.counted.values().sum::<u64>(), 4, "bit {bit}");
        assert!(
            store.counted.keys().all(|route| ["/0", "/1", "/2", "/3", "/4"].contains(&route.as_str())),
            "bit {bit}"
        );
    }
}

#[test]
fn what_was_stored_takes_no_room() {
    let disk = FaultyDisk::default();
    let mut store = Store::default();
    let mut process = Process::start(&disk);
    for number in 0..2_000 {
        process.seal(&[number]);
        process.send(&mut store, true);
    }

    assert!(process.journal.bytes() < 2 * WORTH_REMOVING, "{}", process.journal.bytes());
    assert!(disk.list().unwrap().len() <= 2);
    assert_eq!(store.counted.len(), 2_000);
}

#[test]
fn a_full_spool_takes_no_batch_and_stays_within_its_limit() {
    let disk = FaultyDisk::default();
    let mut process = Process::start(&disk);
    let mut numbers = 0..;
    while process.unsealed.is_empty() {
        process.seal(&numbers.by_ref().take(100).collect::<Vec<_>>());
    }

    assert!(process.journal.bytes() <= LIMITS.max_bytes);
    assert!(process.sealed.len() > 5_000, "{}", process.sealed.len());

    let lost = process.journal.drop_oldest().unwrap();
    process.unsealed.clear();
    process.seal(&[1_000_000]);
    assert!(process.unsealed.is_empty() && lost > 0, "{lost}");
    let mut store = Store::default();
    while process.send(&mut store, true) {}
    assert_eq!(store.counted.values().sum::<u64>() + lost, process.sealed.len() as u64);
}

#[test]
fn a_file_of_another_version_stays_where_it_is() {
    let disk = FaultyDisk::default();
    disk.damage(|files| drop(files.insert(7, b"ESPOOL\x00\x09 and more".to_vec())));
    let (mut journal, recovered) = Journal::open(disk.clone(), LIMITS).unwrap();

    journal.seal(vec![delta(1)]).unwrap();
    journal.done();

    assert_eq!(recovered.strange_files, 1);
    assert!(disk.list().unwrap().contains(&7));
}
