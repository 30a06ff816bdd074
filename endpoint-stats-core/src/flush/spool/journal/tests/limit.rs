//! The limit of a spool, and what is done at it.

use super::*;

/// Seals batches of a hundred until one is not taken; returns how many numbers were given.
fn fill(process: &mut Process) -> usize {
    let mut given = 0;
    while process.pending.is_empty() {
        process.seal(&(given..given + 100).collect::<Vec<_>>());
        given += 100;
        assert!(process.journal.bytes() <= LIMITS.max_bytes);
    }
    given
}

#[test]
fn a_full_spool_takes_no_batch_and_stays_within_its_limit() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start(&disk);

    let given = fill(&mut process);

    assert!(process.durable.len() > 5_000, "{}", process.durable.len());
    assert_eq!(process.pending.len(), 100);
    process.bring_everything(&mut store);
    assert_eq!((store.counted.len(), process.lost), (given, 0));
}

#[test]
fn a_full_spool_gives_up_its_oldest_batches_for_newer_ones_and_not_more_than_it_must() {
    for sent in 0..3 {
        let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
        let mut process = Process::start_with(&disk, LIMITS, WhenFull::DropOldest);
        for number in 0..sent {
            process.seal(&[1_000_000 + number]);
            process.send(&mut store, true);
        }
        for round in 0..300 {
            process.seal(&(round * 100..round * 100 + 100).collect::<Vec<_>>());
            assert!(process.journal.bytes() <= LIMITS.max_bytes);
            assert!(process.pending.is_empty(), "there is always room for newer ones");
        }

        let waiting = process.journal.queue.hits();
        assert!(waiting * 3 > 300 * 100, "only {waiting} hits wait");
        assert_eq!(waiting + process.lost, 300 * 100, "all are accounted for");
        assert!(process.lost > 0);
        process.bring_everything(&mut store);
        assert!(store.counted.values().all(|times| *times == 1));
        assert_eq!(store.counted.len() as u64 + process.lost, (sent + 300 * 100) as u64);
        assert_eq!(store.times(29_999), 1);
        assert_eq!(store.times(0), 1, "what is being sent is not given up");
    }
}

#[test]
fn a_batch_too_large_for_the_limit_is_sealed_in_parts() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start(&disk);
    process.seal(&[0]);

    process.seal(&(1..3_000).collect::<Vec<_>>());

    assert_eq!(process.durable.len(), 3_000);
    assert!(process.journal.queue.len() > 2);
    process.bring_everything(&mut store);
    assert_eq!(store.counted.len(), 3_000);
}

#[test]
fn what_was_stored_takes_no_room() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
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
fn a_file_whose_removal_failed_is_removed_later() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start(&disk);
    for number in 0..2_000 {
        disk.fail((number % 3 == 0).then_some(Fails::Some(number as u64 / 3 % 7, 1)));
        process.seal(&[number]);
        process.send(&mut store, true);
    }
    disk.fail(None);
    process.bring_everything(&mut store);
    fill(&mut process);
    process.bring_everything(&mut store);

    assert!(process.journal.bytes() < 2 * WORTH_REMOVING, "{}", process.journal.bytes());
}

#[test]
fn a_disk_that_stays_full_gathers_no_files() {
    let disk = FaultyDisk::default();
    let mut process = Process::start(&disk);
    for number in 0..100 {
        // A file can be made, and nothing written to it.
        disk.fail(Some(Fails::Once(2)));
        process.seal(&[number]);
    }

    assert!(disk.list().unwrap().len() <= 1, "{:?}", disk.list());
}
