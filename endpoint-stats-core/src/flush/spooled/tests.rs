//! Steps, answers and panics in every order: all hits are accounted for.

use super::*;
use crate::flush::spool::SpoolSync;
use crate::flush::spool::faulty_disk::{Fails, FaultyDisk};
use crate::flush::spool::forgetful_store::{ForgetfulStore, delta};
use crate::flush::spool::journal::Limits;

const LIMITS: Limits = Limits { max_bytes: 1 << 20, sync: SpoolSync::EachBatch };

/// What a flusher holds, and its books.
struct Flush {
    spooled: Spooled<FaultyDisk>,
    pending: Pending,
    store: ForgetfulStore,
    observed: u64,
    found: u64,
    stored: u64,
    dropped: u64,
}

impl Flush {
    fn start(disk: &FaultyDisk) -> Self {
        let (journal, found) = Journal::open(disk.clone(), LIMITS).unwrap();
        let (spooled, found) = (Spooled::new(journal, WhenFull::Merge, 0), found.hits);
        let (pending, store) = (Pending::default(), ForgetfulStore::default());
        Self { spooled, pending, store, observed: 0, found, stored: 0, dropped: 0 }
    }

    fn hit(&mut self, number: usize) {
        self.observed += 1;
        self.pending.add(vec![delta(number)]);
        self.check();
    }

    fn write_down(&mut self) {
        self.spooled.write_down(&mut self.pending, 100, true);
        self.check();
    }

    async fn written(&mut self) -> Written {
        let written = self.spooled.written(&mut self.pending).await;
        self.dropped += written.dropped_full + written.dropped_unreadable;
        self.check();
        written
    }

    async fn step(&mut self) {
        self.write_down();
        self.written().await;
    }

    fn next(&mut self) -> Arc<Batch> {
        self.spooled.next(&mut self.pending, 100).expect("a batch is next")
    }

    /// Sends what is next, and takes in the answer.
    fn send(&mut self) -> Verdict {
        let batch = self.next();
        let answer = self.store.apply(&batch);
        self.judge(&answer)
    }

    fn judge(&mut self, answer: &Result<Applied, StoreError>) -> Verdict {
        let verdict = self.spooled.judge(answer);
        match &verdict {
            Verdict::Stored { batch, .. } => self.stored += batch.hits(),
            Verdict::Dropped(batch) => self.dropped += batch.hits(),
            _ => {}
        }
        self.check();
        verdict
    }

    /// Where every hit is.
    fn check(&self) {
        let in_memory = self.pending.hits() + self.spooled.hits_in_memory();
        let there = self.stored + self.dropped + in_memory + self.spooled.hits_on_disk();
        assert_eq!(self.observed + self.found, there, "{:?}", self.spooled);
    }
}

#[tokio::test]
async fn an_answer_that_comes_while_a_batch_is_being_written_is_not_forgotten() {
    let mut flush = Flush::start(&FaultyDisk::default());
    flush.hit(0);
    flush.step().await;

    flush.hit(1);
    flush.write_down();
    flush.send();
    flush.written().await;
    flush.step().await;
    flush.send();
    flush.step().await;

    assert!(flush.spooled.is_empty());
    assert_eq!((flush.stored, flush.store.counted.len()), (2, 2));
}

#[tokio::test]
async fn a_new_name_that_is_needed_while_a_batch_is_being_written_is_not_forgotten() {
    let mut flush = Flush::start(&FaultyDisk::default());
    flush.hit(0);
    flush.step().await;
    let first = flush.next();

    flush.hit(1);
    flush.write_down();
    flush.judge(&Ok(Applied::Gap { last_seq: 0 }));
    flush.written().await;
    flush.step().await;

    let again = flush.next();
    assert_ne!(again.writer, first.writer);
    assert_eq!((again.seq, &again.deltas), (1, &first.deltas));
}

#[tokio::test]
async fn a_batch_that_the_disk_cannot_take_is_sent_from_memory_when_nothing_else_waits() {
    let disk = FaultyDisk::default();
    let mut flush = Flush::start(&disk);
    disk.fail(Some(Fails::From(1)));
    flush.hit(0);
    flush.write_down();
    assert!(flush.written().await.took_none);
    assert_eq!((flush.spooled.hits_in_memory(), flush.spooled.hits_on_disk()), (1, 0));

    flush.send();
    flush.hit(1);
    flush.spooled.write_down(&mut flush.pending, 100, false);
    flush.written().await;
    flush.send();

    assert_eq!(flush.stored, 2);
}

#[tokio::test]
async fn hits_wait_where_the_disk_takes_none_and_a_batch_is_under_way() {
    let disk = FaultyDisk::default();
    let mut flush = Flush::start(&disk);
    flush.hit(0);
    flush.step().await;
    disk.fail(Some(Fails::From(1)));
    flush.hit(1);
    flush.step().await;

    for number in 2..100 {
        flush.hit(number);
        flush.spooled.write_down(&mut flush.pending, 100, false);
        assert!(flush.spooled.step.is_none(), "the disk is left alone");
    }

    assert_eq!((flush.pending.hits(), flush.spooled.hits_on_disk()), (99, 1));
}

#[tokio::test]
async fn new_hits_go_by_memory_and_old_ones_wait_for_the_next_run_when_a_step_panics() {
    for nth in 1..5 {
        let disk = FaultyDisk::default();
        let mut flush = Flush::start(&disk);
        for number in 0..3 {
            flush.hit(number);
            flush.step().await;
        }
        flush.hit(3);
        disk.fail(Some(Fails::Panics(nth)));
        flush.write_down();
        let under_way = flush.next();
        flush.written().await;
        // Without a panic within this step, in the next one.
        flush.judge(&Err(StoreError::new(StoreErrorKind::Unavailable, "write a batch")));
        while flush.spooled.by_memory.is_none() {
            flush.hit(4);
            flush.step().await;
        }
        assert!(flush.dropped <= 2);

        flush.hit(5);
        assert_eq!(flush.next(), under_way, "what was under way can still be sent");
        flush.send();
        flush.send();

        assert!(flush.spooled.is_empty() && flush.pending.is_empty());
        assert!(flush.spooled.hits_on_disk() >= 2, "{:?}", flush.spooled);
        assert_eq!(flush.store.times(5), 1);
        let (spooled, store) = (flush.spooled.hits_on_disk(), std::mem::take(&mut flush.store));
        drop(flush);

        disk.fail(None);
        let mut next = Flush { store, ..Flush::start(&disk) };
        assert!(next.found >= spooled, "{nth}");
        next.step().await;
        while next.spooled.head.is_some() {
            next.send();
            next.step().await;
        }
        for number in [0, 1, 2, 5] {
            assert_eq!(next.store.times(number), 1, "{number}, {nth}");
        }
        assert!(next.store.counted.values().all(|times| *times == 1));
    }
}

#[tokio::test]
async fn without_a_journal_a_batch_that_needs_another_name_waits_for_the_next_run() {
    let disk = FaultyDisk::default();
    let mut flush = Flush::start(&disk);
    flush.hit(0);
    flush.step().await;
    flush.hit(1);
    disk.fail(Some(Fails::Panics(1)));
    flush.step().await;

    flush.judge(&Ok(Applied::Gap { last_seq: 0 }));

    assert_eq!((flush.spooled.hits_on_disk(), flush.dropped), (1, 1));
    assert!(flush.spooled.is_empty(), "nothing that this run can still send");
}
