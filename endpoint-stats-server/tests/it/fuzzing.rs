//! The fuzz targets, short: what was kept in `fuzz/corpus`, and what chance makes of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use endpoint_stats_server::fuzzing::{self, Target};
use proptest::prelude::*;
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

/// An input with a part replaced by other bytes, which may be more or fewer.
fn mutated(kept: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..16);
    (proptest::sample::select(kept), any::<prop::sample::Index>(), 0_usize..16, bytes).prop_map(
        |(mut input, at, length, bytes)| {
            let from = at.index(input.len() + 1);
            let to = (from + length).min(input.len());
            input.splice(from..to, bytes);
            input
        },
    )
}

fn run(name: &str, target: Target, inputs: impl Strategy<Value = Vec<u8>>) {
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
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
        run(name, target, mutated(corpus(name)));
    }
}

#[test]
fn any_bytes_are_taken() {
    for (name, target) in targets() {
        run(name, target, proptest::collection::vec(any::<u8>(), 0..200));
    }
}
