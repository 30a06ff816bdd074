//! Random days: any order of what may happen, on a disk that fails, at a store that refuses and forgets.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Event {
    Seal(usize),
    Send { answer_arrives: bool },
    LoseWriters,
    Fail(Fails),
    Heal,
    Crash { kept: u8 },
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..6_usize).prop_map(Event::Seal),
        6 => prop::bool::weighted(0.8).prop_map(|answer_arrives| Event::Send { answer_arrives }),
        1 => Just(Event::LoseWriters),
        2 => (1..12_u64, 1..6_u64).prop_map(|(nth, many)| Event::Fail(Fails::Some(nth, many))),
        1 => (1..12_u64).prop_map(|nth| Event::Fail(Fails::From(nth))),
        1 => Just(Event::Heal),
        1 => any::<u8>().prop_map(|kept| Event::Crash { kept }),
        1 => Just(Event::Restart),
    ]
}

/// A limit that is soon reached, or never.
fn limits() -> impl Strategy<Value = (Limits, WhenFull)> {
    let tight = Limits { max_bytes: RESERVE + 3_000, ..LIMITS };
    prop_oneof![Just((LIMITS, WhenFull::Merge)), Just((tight, WhenFull::Merge)), Just((tight, WhenFull::DropOldest)),]
}

fn run(events: Vec<Event>, (limits, when_full): (Limits, WhenFull)) {
    let (disk, mut store) = (FaultyDisk::default(), ForgetfulStore::default());
    let mut process = Process::start_with(&disk, limits, when_full);
    let (mut given, mut lost) = (0, 0);
    for event in events {
        match event {
            Event::Seal(many) => {
                store.poisoned.extend((given..given + many).filter(|number| number % 11 == 7));
                process.seal(&(given..given + many).collect::<Vec<_>>());
                given += many;
            }
            Event::Send { answer_arrives } => process.send(&mut store, answer_arrives),
            Event::LoseWriters => store.lose_writers(),
            Event::Fail(fails) => disk.fail(Some(fails)),
            Event::Heal => disk.fail(None),
            Event::Crash { .. } | Event::Restart => {
                lost += process.lost;
                disk.fail(None);
                if let Event::Crash { kept } = event {
                    disk.crash(kept);
                }
                let durable = std::mem::take(&mut process.durable);
                process = Process { durable, ..Process::start_with(&disk, limits, when_full) };
            }
        }
        assert!(process.journal.bytes() <= limits.max_bytes, "{} bytes", process.journal.bytes());
    }
    disk.fail(None);
    process.bring_everything(&mut store);
    lost += process.lost;

    let missing =
        process.durable.difference(&store.poisoned).filter(|number| store.times(**number) == 0).count() as u64;
    assert!(missing <= lost, "{missing} are missing, {lost} were given up");
    assert!(lost == 0 || when_full == WhenFull::DropOldest, "{lost}");
    let twice = store.counted.iter().filter(|(number, times)| **times > 1 && !store.excused.contains(number));
    assert_eq!(twice.count(), 0, "{:?}", store.counted);
    assert!(store.poisoned.iter().all(|number| store.times(*number) == 0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn no_sealed_batch_is_lost_or_counted_twice_on_any_day(
        events in prop::collection::vec(event(), 1..60),
        limits in limits(),
    ) {
        run(events, limits);
    }
}
