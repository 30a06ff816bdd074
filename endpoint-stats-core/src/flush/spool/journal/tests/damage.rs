//! Files that were damaged: what is whole is found, and nothing is invented.

use super::super::super::record;
use super::*;

/// Three segments, nine batches of one hit: what a crash left behind, at whatever place each record ends.
fn three_segments() -> (FaultyDisk, Vec<(u64, u64)>) {
    let disk = FaultyDisk::default();
    let mut process = Process::start(&disk);
    let mut ends = Vec::new();
    for number in 0..9 {
        if number % 3 == 0 {
            process.journal.segments.leave_if_longer(0);
        }
        process.seal(&[number]);
        let segment = disk.list().unwrap().last().copied().unwrap();
        ends.push((segment, disk.read(segment).unwrap().len() as u64));
    }
    assert_eq!(disk.list().unwrap(), [1, 2, 3]);
    (disk, ends)
}

/// What a new run finds on a disk, and what it brings to a store that may know the batches already.
fn recovered(disk: &FaultyDisk, store: &mut ForgetfulStore) -> Recovered {
    let (journal, recovered) = Journal::open(disk.clone(), LIMITS).unwrap();
    drop(journal);
    bring_everything(disk, store);
    assert!(store.counted.iter().all(|(number, times)| *number < 9 && *times == 1), "{:?}", store.counted);
    recovered
}

#[test]
fn a_spool_cut_off_anywhere_gives_every_batch_that_stands_before_the_cut_or_in_another_file() {
    let (disk, ends) = three_segments();
    for segment in 1..=3 {
        let whole = disk.read(segment).unwrap();
        for len in 0..whole.len() {
            let (disk, _) = three_segments();
            disk.damage(|files| files.get_mut(&segment).unwrap().truncate(len));
            let mut store = ForgetfulStore::default();

            let found = recovered(&disk, &mut store);

            let kept = ends.iter().filter(|(file, end)| *file != segment || *end <= len as u64).count();
            assert_eq!((found.batches, found.hits), (kept, kept as u64), "{segment} cut at {len}");
            assert_eq!(store.counted.len(), kept, "{segment} cut at {len}");
            let at_an_end = len == record::header().len() || ends.contains(&(segment, len as u64));
            let (damages, torn) = (found.damages, found.torn_bytes > 0);
            if segment == 3 {
                assert_eq!((damages, torn), (0, !at_an_end && len > 0), "cut at {len}: a crash does that, too");
            } else {
                assert_eq!((damages, torn), (u64::from(!at_an_end && len > 0), false), "{segment} cut at {len}");
            }
        }
    }
}

#[test]
fn five_thousand_flipped_bits_cost_their_own_records_and_invent_nothing() {
    let (disk, _) = three_segments();
    let whole = files_of(&disk);
    let mut random = 1_u64;
    for _ in 0..5_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (segment, at) = (1 + random % 3, usize::try_from(random >> 33).unwrap());
        let bit = at % (whole[&segment].len() * 8);
        disk.damage(|files| {
            files.clone_from(&whole);
            files.get_mut(&segment).unwrap()[bit / 8] ^= 1 << (bit % 8);
        });
        let mut store = ForgetfulStore::default();

        let found = recovered(&disk, &mut store);

        let (kept, told) = if bit < record::header().len() * 8 {
            (6, found.strange_files)
        } else {
            (8, found.damages + u64::from(found.torn_bytes > 0))
        };
        assert_eq!((found.batches, store.counted.len(), told), (kept, kept, 1), "{segment}, bit {bit}");
    }
}

#[test]
fn what_a_crash_cut_off_is_not_taken_for_damage_by_a_later_run() {
    let (disk, _) = three_segments();
    disk.damage(|files| files.get_mut(&3).unwrap().extend_from_slice(b"ESr\n half of a record"));
    let first = Journal::open(disk.clone(), LIMITS).unwrap().1;
    Process::start(&disk).seal(&[9]);

    let second = Journal::open(disk, LIMITS).unwrap().1;

    assert_eq!((first.torn_bytes, first.damages), (21, 0));
    assert_eq!((second.torn_bytes, second.damages, second.batches), (0, 0, 10));
}

#[test]
fn files_that_are_missing_copied_or_swapped_invent_nothing() {
    type Files = BTreeMap<u64, Vec<u8>>;
    type Case = (&'static str, fn(&mut Files), Option<usize>);
    let changes: [Case; 7] = [
        ("the first is gone", |files| drop(files.remove(&1)), Some(0)),
        ("the middle is gone", |files| drop(files.remove(&2)), Some(1)),
        ("the last is gone", |files| drop(files.remove(&3)), Some(2)),
        ("the first is there twice", |files| drop(files.insert(9, files[&1].clone())), None),
        (
            "the middle is there three times",
            |files| files.extend([(8, files[&2].clone()), (9, files[&2].clone())]),
            None,
        ),
        ("two are swapped", |files| files.extend([(1, files[&2].clone()), (2, files[&1].clone())]), None),
        ("an empty one is there", |files| drop(files.insert(4, Vec::new())), None),
    ];
    for (what, change, missing) in changes {
        for sent in [0, 1, 4, 9] {
            let (disk, _) = three_segments();
            let old = files_of(&disk);
            let mut store = ForgetfulStore::default();
            let mut process = Process::start(&disk);
            process.seal(&[]);
            for _ in 0..sent {
                process.send(&mut store, true);
            }
            disk.damage(|files| {
                *files = old;
                change(files);
            });

            let found = recovered(&disk, &mut store);

            assert_eq!((found.batches, found.damages), (if missing.is_some() { 6 } else { 9 }, 0), "{what}");
            let kept = (0..9).filter(|number| *number < sent || missing != Some(number / 3)).count();
            assert_eq!(store.counted.len(), kept, "{what} after {sent}");
        }
    }
}

fn files_of(disk: &FaultyDisk) -> BTreeMap<u64, Vec<u8>> {
    disk.list().unwrap().into_iter().map(|number| (number, disk.read(number).unwrap())).collect()
}

#[test]
fn files_put_back_after_they_were_sent_count_once() {
    let (disk, _) = three_segments();
    let old = files_of(&disk);
    let mut store = ForgetfulStore::default();
    bring_everything(&disk, &mut store);
    disk.damage(|files| *files = old);

    let found = recovered(&disk, &mut store);

    assert_eq!((found.batches, store.counted.len()), (9, 9), "the store knows their names");
}

#[test]
fn strange_files_stay_where_they_are_and_their_numbers_are_not_taken() {
    let disk = FaultyDisk::default();
    disk.damage(|files| {
        files.insert(7, b"ESPOOL\x00\x09 and more".to_vec());
        files.insert(8, b"a letter to my mother".to_vec());
    });
    let mut store = ForgetfulStore::default();
    let mut process = Process::start(&disk);

    process.seal(&[1]);
    process.bring_everything(&mut store);

    let found = Journal::open(disk.clone(), LIMITS).unwrap().1;
    assert_eq!((found.strange_files, found.damages), (2, 0));
    assert_eq!(disk.list().unwrap(), [7, 8]);
    assert_eq!(store.counted.len(), 1);
}

#[test]
fn a_file_with_the_highest_number_panics_nobody() {
    let disk = FaultyDisk::default();
    disk.damage(|files| drop(files.insert(u64::MAX, record::header().to_vec())));
    let mut store = ForgetfulStore::default();
    let mut process = Process::start(&disk);

    process.seal(&[1]);
    process.bring_everything(&mut store);

    assert_eq!((store.counted.len(), process.durable.len()), (1, 1), "it went by way of memory");
}
