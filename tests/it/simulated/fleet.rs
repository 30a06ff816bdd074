//! A store, two servers and three writers, each a process on a host of its own.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::Clock;
use endpoint_stats_core::flush::{FlushConfig, Flusher};
use endpoint_stats_core::store::{EndpointStatus, StatsStore};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_server::ingest::Ingest;
use tokio::time::interval;
use turmoil::{Builder, Sim};

use super::faults::{Faults, SERVERS, STORE, Trouble, WRITERS};
use super::network::{serve, store_on};
use super::oracle::Oracle;
use crate::flush::{NOON, hit};
use crate::random::Random;
use crate::remote::open_to_all;

/// After so long without a fault everything has arrived.
const DRAINED_WITHIN: Duration = Duration::from_mins(1);

const TICK: Duration = Duration::from_millis(20);

/// The clock of the simulation.
#[derive(Clone, Copy, Debug)]
struct SimulatedClock;

/// What came of a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    /// Things that went wrong.
    pub(super) faults: usize,
    /// Writers there were, those after a crash included.
    pub(super) writers: usize,
    /// Hits they counted.
    pub(super) hits: u64,
    /// Batches that were sent again although the store had them.
    pub(super) duplicates: u64,
}

/// Runs a seed to its end over a store that outlives its process, and holds what is stored against what is known.
pub(super) fn run(seed: u64, trouble: Trouble, database: &Arc<dyn StatsStore>) -> Result<Ran, String> {
    let (oracle, ending) = (Oracle::default(), Arc::new(AtomicBool::new(false)));
    let mut network = network(seed);
    start(&mut network, seed, database, &oracle, &ending);
    let mut faults = Faults::of_seed(seed, trouble);
    while !faults.are_over() {
        faults.happen(&mut network);
        step(&mut network)?;
    }
    Faults::heal(&mut network);
    let patience = network.elapsed() + DRAINED_WITHIN;
    ending.store(true, Ordering::SeqCst);
    while WRITERS.into_iter().any(|writer| network.is_host_running(writer)) {
        step(&mut network)?;
        if network.elapsed() > patience {
            return Err(format!("a minute after the last fault, writers still wait: {oracle:?}"));
        }
    }
    oracle.judge(&stored(database))?;
    Ok(Ran {
        faults: faults.number(),
        writers: oracle.lives(),
        hits: oracle.attempted(),
        duplicates: oracle.duplicates(),
    })
}

fn network(seed: u64) -> Sim<'static> {
    let noon = UNIX_EPOCH + Duration::from_secs(u64::try_from(NOON.as_unix()).unwrap());
    Builder::new()
        .rng_seed(seed)
        .epoch(noon)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(120))
        .simulation_duration(Duration::from_hours(1))
        .build()
}

fn step(network: &mut Sim<'_>) -> Result<(), String> {
    network.step().map(drop).map_err(|error| format!("a process ended: {error}"))
}

fn stored(database: &Arc<dyn StatsStore>) -> Vec<EndpointStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(database.endpoints()).unwrap()
}

fn start(
    network: &mut Sim<'static>,
    seed: u64,
    database: &Arc<dyn StatsStore>,
    oracle: &Oracle,
    ending: &Arc<AtomicBool>,
) {
    let database = Arc::clone(database);
    network.host(STORE, move || server(Arc::clone(&database)));
    for (number, name) in (0..).zip(SERVERS) {
        let random = Random::of_seed(seed ^ number << 32);
        network.host(name, move || server(Arc::new(store_on(&[STORE], Duration::from_secs(2), random.clone()))));
    }
    for (number, name) in (7..).zip(WRITERS) {
        let random = Random::of_seed(seed ^ number << 32);
        let (oracle, ending) = (oracle.clone(), Arc::clone(ending));
        network.host(name, move || writer(oracle.clone(), random.clone(), Arc::clone(&ending)));
    }
}

/// The server's routes before a store.
fn server(store: Arc<dyn StatsStore>) -> impl Future<Output = turmoil::Result> {
    serve(open_to_all(Ingest::new(store).with_clock(Arc::new(SimulatedClock))))
}

/// A service that counts, until it is told to end.
async fn writer(oracle: Oracle, mut random: Random, ending: Arc<AtomicBool>) -> turmoil::Result {
    let witness = oracle.witness();
    let route = witness.route();
    let store = witness.store(store_on(&SERVERS, Duration::from_secs(3), random.clone()));
    let recorder = Aggregator::new(ServiceName::new("shop")?, Limits::default());
    let config = FlushConfig { retention: None, ..FlushConfig::default() };
    let flusher = Flusher::start(recorder.clone(), Arc::new(store), Arc::new(SimulatedClock), config);
    witness.reads(flusher.books_view());
    let mut requests = interval(Duration::from_millis(100));
    while !ending.load(Ordering::SeqCst) {
        requests.tick().await;
        let hits = random.below(4);
        hit(&recorder, &route, hits);
        witness.counts(hits);
    }
    witness.ends(flusher.shutdown(DRAINED_WITHIN).await.books);
    Ok(())
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let now = turmoil::since_epoch().expect("it is asked in a simulation");
        Timestamp::from_unix(i64::try_from(now.as_secs()).unwrap())
    }
}
