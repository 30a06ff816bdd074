//! What a spool costs: a batch on the disk before it is sent, and reading what a crash left.
//!
//! - `seal`: hits of 2,000 endpoints through a flusher with a spool, to the point where they count as spooled, with and without a
//!   sync; beside it a plain file that is appended the same number of bytes and synced, or not. The ratio of the two is the spool's
//!   own cost; the store is away all the while. The flusher drains once a millisecond, which both ways of `seal` wait for.
//! - `recover`: opening a folder with 100 MB of batches, beside reading the same files.

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::Criterion;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::SystemClock;
use endpoint_stats_core::flush::spool::{Spool, SpoolOptions, SpoolSync};
use endpoint_stats_core::flush::{FlushConfig, Flusher};
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::store::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    StoreErrorKind, WriterId, WriterState,
};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Endpoint, Hit, Method, Outcome, ServiceName};
use tokio::runtime::Runtime;

const ENDPOINTS: usize = 2_000;
const RECOVERED_BYTES: u64 = 100 << 20;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .sample_size(20)
        .configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
    let runtime = runtime.expect("a runtime");
    for (name, sync) in [("each batch synced", SpoolSync::EachBatch), ("never synced", SpoolSync::Never)] {
        seal(&mut criterion, &runtime, name, sync);
    }
    recover(&mut criterion, &runtime);
    criterion.final_summary();
}

/// A process with a spool, and a store that is away.
struct Process {
    recorder: Aggregator,
    flusher: Flusher,
    routes: Vec<String>,
    spooled: u64,
}

impl Process {
    fn start(runtime: &Runtime, folder: &Path, sync: SpoolSync) -> Self {
        let service = ServiceName::new("bench").expect("lower-case letters");
        let recorder = Aggregator::new(service, Limits { max_endpoints: ENDPOINTS, ..Limits::default() });
        let options = SpoolOptions { max_bytes: 64 << 30, sync, ..SpoolOptions::default() };
        let spool = Spool::open(folder, options).expect("a folder");
        let config = FlushConfig { interval: Duration::from_millis(1), retention: None, ..FlushConfig::default() };
        let _inside = runtime.enter();
        let (counted, clock) = (recorder.clone(), Arc::new(SystemClock));
        let flusher = Flusher::start_with_spool(counted, Arc::new(Away), clock, config, spool);
        let routes = (0..ENDPOINTS).map(|i| format!("/resources-{i}/{{id}}")).collect();
        Self { recorder, flusher, routes, spooled: 0 }
    }

    /// Counts a hit of each endpoint, and waits until all are on the disk.
    fn seal(&mut self) {
        for route in &self.routes {
            let arrival = Arrival { method: Method::Get, route: Some(route), consumer: None };
            let hit = Hit {
                outcome: Outcome::Status(200),
                latency: Some(Duration::from_micros(300).into()),
                duration: Some(Duration::from_micros(310).into()),
                response_bytes: 512,
                caller: None,
            };
            self.recorder.begin(arrival).expect("nothing is ignored").end(&hit);
        }
        self.spooled += ENDPOINTS as u64;
        while self.flusher.books().spooled < self.spooled {
            std::thread::yield_now();
        }
    }
}

fn seal(criterion: &mut Criterion, runtime: &Runtime, name: &str, sync: SpoolSync) {
    let mut group = criterion.benchmark_group(format!("spool: seal 2,000 endpoints, {name}"));
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let mut process = Process::start(runtime, folder.path(), sync);
    process.seal();
    let bytes = vec![7; usize::try_from(bytes_in(folder.path())).expect("a batch fits in memory")];
    group.bench_function("spool", |bencher| bencher.iter(|| process.seal()));
    let mut file = new_file(&folder.path().join("plain"));
    group.bench_function(format!("plain file, {} bytes", bytes.len()), |bencher| {
        bencher.iter(|| {
            file.write_all(&bytes).expect("room");
            if sync == SpoolSync::EachBatch {
                file.sync_data().expect("a disk");
            }
        });
    });
}

fn recover(criterion: &mut Criterion, runtime: &Runtime) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let mut process = Process::start(runtime, folder.path(), SpoolSync::Never);
    while bytes_in(folder.path()) < RECOVERED_BYTES {
        process.seal();
    }
    runtime.block_on(process.flusher.shutdown(Duration::ZERO));
    let options = SpoolOptions { max_bytes: 64 << 30, sync: SpoolSync::Never, ..SpoolOptions::default() };
    let mut group = criterion.benchmark_group("spool: recover 100 MB");
    group.sample_size(10);
    group.bench_function("spool", |bencher| {
        bencher.iter_custom(|times| {
            (0..times).map(|_| timed(|| Spool::open(folder.path(), options).expect("it is free"))).sum()
        });
    });
    group.bench_function("plain reading", |bencher| {
        bencher.iter(|| {
            for entry in fs::read_dir(folder.path()).expect("a folder") {
                black_box(fs::read(entry.expect("an entry").path()).expect("a file"));
            }
        });
    });
}

#[expect(clippy::disallowed_methods, reason = "measuring time is the point")]
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let started = Instant::now();
    let done = black_box(work());
    let time = started.elapsed();
    drop(done);
    time
}

fn new_file(path: &Path) -> File {
    OpenOptions::new().create_new(true).append(true).open(path).expect("a new file")
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |found| found.len())).sum()
}

/// A store that cannot be reached.
#[derive(Debug)]
struct Away;

fn away<T>() -> Result<T, StoreError> {
    Err(StoreError::new(StoreErrorKind::Unavailable, "reach a store that is away"))
}

#[async_trait]
impl StatsStore for Away {
    async fn apply(&self, _: &Batch) -> Result<Applied, StoreError> {
        away()
    }

    async fn writer(&self, _: WriterId) -> Result<Option<WriterState>, StoreError> {
        away()
    }

    async fn query(&self, _: &StatsQuery) -> Result<StatsReport, StoreError> {
        away()
    }

    async fn register(&self, _: &[Endpoint], _: Timestamp) -> Result<(), StoreError> {
        away()
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        away()
    }

    async fn roll_up(&self, _: Timestamp, _: &Retention) -> Result<RolledUp, StoreError> {
        away()
    }

    async fn health(&self) -> Result<(), StoreError> {
        away()
    }
}
