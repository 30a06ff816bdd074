//! Writers, servers and their store on a simulated network, with whatever faults a seed brings.
//!
//! The writers are the flusher and [`RemoteStore`](endpoint_stats_core::store::RemoteStore), the servers are the server's
//! routes, and so is what stands before the store; the network, the time and the faults are turmoil's. A seed repeats the
//! faults, the latencies and the load, but not each step: writers' ids and the pauses between tries are random.
//!
//! `SEEDS=20000` runs more seeds than usual, `SEEDS=17..18` some of them.

mod faults;
mod fleet;
mod network;
mod oracle;

use std::env;
use std::ops::Range;
use std::sync::Arc;

use endpoint_stats_core::store::{MemoryStore, StatsStore};

use self::faults::Trouble;
use self::fleet::{Ran, run};
use crate::teeth::store::{Broken, BrokenStore};

fn seeds(usual: u64) -> Range<u64> {
    let Ok(asked) = env::var("SEEDS") else { return 0..usual };
    let number = |text: &str| text.parse().expect("SEEDS is a number, or a range like 17..18");
    asked.split_once("..").map_or_else(|| 0..number(&asked), |(from, to)| number(from)..number(to))
}

fn memory() -> Arc<dyn StatsStore> {
    Arc::new(MemoryStore::default())
}

/// Runs seeds, each over a store of its own, and adds up what happened.
fn all_is_exact(trouble: Trouble, usual: u64) -> Ran {
    let mut sum = Ran::default();
    for seed in seeds(usual) {
        let ran = run(seed, trouble, &memory()).unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
        sum.faults += ran.faults;
        sum.writers += ran.writers;
        sum.hits += ran.hits;
        sum.duplicates += ran.duplicates;
    }
    println!("{sum:?}");
    sum
}

#[test]
fn every_hit_is_stored_once_whatever_the_network_does() {
    let ran = all_is_exact(Trouble::Network, 150);

    assert!(ran.duplicates > 0, "no acknowledgement got lost: {ran:?}");
}

#[test]
fn no_batch_is_lost_or_doubled_whoever_crashes() {
    let ran = all_is_exact(Trouble::Crashes, 150);

    assert!(ran.writers > 3 * 150, "no writer crashed: {ran:?}");
}

#[test]
fn no_batch_is_lost_or_doubled_whatever_happens() {
    all_is_exact(Trouble::Both, 200);
}

#[test]
fn a_seed_repeats_the_faults_and_the_load() {
    let once = run(7, Trouble::Both, &memory()).unwrap();
    let again = run(7, Trouble::Both, &memory()).unwrap();

    assert_eq!(Ran { duplicates: once.duplicates, ..again }, once);
}

/// Some seed finds out what is wrong with a store.
fn is_caught(trouble: Trouble, how: Broken) {
    let mut verdicts =
        (0..20).map(|seed| run(seed, trouble, &(Arc::new(BrokenStore::new(how)) as Arc<dyn StatsStore>)));

    assert!(verdicts.any(|verdict| verdict.is_err()), "twenty seeds find nothing wrong with a store that is {how:?}");
}

#[test]
fn a_store_that_forgets_its_marks_is_caught() {
    is_caught(Trouble::Network, Broken::AddsDuplicates);
}

#[test]
fn a_store_that_acknowledges_before_it_adds_is_caught() {
    is_caught(Trouble::Crashes, Broken::AcknowledgesFirst);
}
