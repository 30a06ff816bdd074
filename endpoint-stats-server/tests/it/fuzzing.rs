//! The fuzz targets, short: what was kept in `fuzz/corpus`, and what chance makes of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use endpoint_stats_server::fuzzing::{self, Target};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// Every target of the server and of the library.
fn targets() -> impl Iterator<Item = (&'static str, Target)> {
    fuzzing::TARGETS.into_iter().chain(endpoint_stats_core::fuzzing::TARGETS.iter().copied())
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The inputs that are kept for a target.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(fuzz().join("corpus").join(name)).unwrap();
    entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// Numbers at the edges of their types, as they stand in bytes.
const EDGES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\xff",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"18446744073709551616",
];

/// What stands in the place of a part of an input.
fn replacement(kept: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let part = |(input, at, len): (Vec<u8>, Index, usize)| {
        let from = at.index(input.len() + 1);
        input[from..(from + len).min(input.len())].to_vec()
    };
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..16),
        select(EDGES.to_vec()).prop_map(<[u8]>::to_vec),
        (select(kept), any::<Index>(), 0_usize..64).prop_map(part),
    ]
}

/// An input with some parts replaced by other bytes, which may be more or fewer.
fn mutated(kept: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), 0_usize..16, replacement(kept.clone()));
    (select(kept), proptest::collection::vec(change, 1..5)).prop_map(|(mut input, changes)| {
        for (at, len, bytes) in changes {
            let from = at.index(input.len() + 1);
            input.splice(from..(from + len).min(input.len()), bytes);
        }
        input
    })
}

fn run(name: &str, target: Target, cases: u32, inputs: impl Strategy<Value = Vec<u8>>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(&inputs, |input| {
        target(&input);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{name}: {error}"));
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<_> = targets().map(|(name, _)| name.to_owned()).collect();

    assert_eq!(names_in("fuzz_targets"), targets);
    assert_eq!(names_in("corpus"), targets);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(!corpus(&name).is_empty(), "{name}");
    }
}

#[test]
fn every_kept_input_is_taken() {
    for (name, target) in targets() {
        for input in corpus(name) {
            target(&input);
        }
    }
}

#[test]
fn what_chance_makes_of_kept_inputs_is_taken() {
    for (name, target) in targets() {
        run(name, target, 1_000, mutated(corpus(name)));
    }
}

#[test]
fn any_bytes_are_taken() {
    for (name, target) in targets() {
        run(name, target, 300, proptest::collection::vec(any::<u8>(), 0..200));
    }
}
