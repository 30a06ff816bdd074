//! Names: what is sent again is sent under the same one.

use super::*;

#[test]
fn a_record_that_was_half_written_is_cut_off_before_the_next_one() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start(&disk);
    process.seal(&[0]);
    // The append fails, and leaves half of it.
    disk.fail(Some(Fails::Once(1)));
    process.seal(&[1]);
    let before = disk.read(1).unwrap().len();
    process.seal(&[2]);

    let (_, recovered) = Journal::open(disk.clone(), LIMITS).unwrap();
    assert_eq!((recovered.hits, recovered.damages), (3, 0));
    assert!(disk.read(1).unwrap().len() > before, "it goes on in the same file");
    process.bring_everything(&mut store);
    assert_eq!((store.counted.len(), process.lost), (3, 0));
}

#[test]
fn a_batch_that_the_disk_may_have_keeps_its_name() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start(&disk);
    process.seal(&[0]);
    // Append, then a sync that fails, a new file (made, begun, named), append, and a sync that fails.
    disk.fail(Some(Fails::From(2)));
    process.seal(&[1]);
    assert_eq!(process.in_memory(), [1].into());

    disk.fail(None);
    process.seal(&[2]);

    assert_eq!(process.in_memory(), [].into(), "the disk has it now");
    for _ in 0..3 {
        process.send(&mut store, true);
    }
    disk.crash(255);
    bring_everything(&disk, &mut store);
    assert_eq!(store.counted, [(0, 1), (1, 1), (2, 1)].into());
}

#[test]
fn a_disk_that_never_syncs_leaves_one_batch_in_memory_beside_what_is_pending() {
    let disk = FaultyDisk::default();
    let mut process = Process::start(&disk);
    process.seal(&[0]);
    disk.fail(Some(Fails::From(2)));

    for number in 1..100 {
        process.seal(&[number]);
    }

    assert!(process.journal.in_memory.len() <= 1, "{}", process.journal.in_memory.len());
    assert_eq!(process.in_memory().len(), 99);
}

#[test]
fn what_is_stored_is_not_found_again() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start(&disk);
    for number in 0..5 {
        process.seal(&[number]);
    }
    for _ in 0..3 {
        process.send(&mut store, true);
    }

    let (_, recovered) = Journal::open(disk, LIMITS).unwrap();

    assert_eq!((recovered.batches, recovered.hits, recovered.damages), (2, 2, 0));
}

#[test]
fn each_run_is_a_writer_of_its_own() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut first = Process::start(&disk);
    first.seal(&[0]);
    first.seal(&[1]);
    first.send(&mut store, true);
    // Without a sync: what was sent next is lost on the disk and not in the store.
    disk.fail(Some(Fails::From(1)));
    first.send(&mut store, true);
    first.seal(&[2]);
    first.send(&mut store, true);
    disk.crash(0);

    let mut second = Process::start(&disk);
    let names: BTreeSet<_> = second.journal.queue.iter().map(|entry| entry.name.writer).collect();
    assert!(!names.contains(&second.journal.writer));
    second.seal(&[3]);
    second.bring_everything(&mut store);

    assert_eq!(store.counted, [(0, 1), (1, 1), (2, 1), (3, 1)].into());
}

#[test]
fn a_name_that_the_disk_may_have_is_given_again() {
    for fails in 1..12 {
        let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
        let mut process = Process::start(&disk);
        process.seal(&[0]);
        process.send(&mut store, true);
        process.seal(&[1]);
        store.lose_writers();
        store.excused.clear();
        // The store does not know it, and both syncs of its new name fail.
        disk.fail(Some(Fails::Some(2, fails)));
        process.send(&mut store, true);
        disk.fail(None);
        process.seal(&[2]);
        process.send(&mut store, false);

        disk.crash(255);
        bring_everything(&disk, &mut store);

        assert_eq!(store.counted, [(0, 1), (1, 1), (2, 1)].into(), "{fails}");
    }
}

#[test]
fn numbers_below_the_stores_mark_are_never_given_to_other_batches() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start(&disk);
    for number in 0..8 {
        process.seal(&[number]);
    }
    // Nothing of what it did with them is durable, and the second and third are unreadable now.
    for _ in 0..5 {
        process.send(&mut store, true);
    }
    disk.crash(0);
    let mut next = Process::start(&disk);
    for _ in 0..2 {
        let piece = next.journal.queue.iter().nth(1).unwrap().piece;
        next.journal.apply(&Record::Done { piece });
    }
    next.bring_everything(&mut store);

    assert_eq!(store.counted.values().sum::<u64>(), 8);
    assert_eq!(store.counted.len(), 8);
}

#[test]
fn a_batch_that_the_disk_never_had_is_named_anew_without_it() {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start(&disk);
    process.seal(&[0]);
    process.send(&mut store, true);
    store.lose_writers();
    disk.fail(Some(Fails::From(1)));

    process.seal(&[1]);
    process.send(&mut store, true);
    process.send(&mut store, true);

    assert_eq!(store.counted, [(0, 1), (1, 1)].into());
}
