//! How many lines of an access log are counted in a second, and how many `goaccess` counts, if it is there.
//!
//! `cargo bench --bench import_log`. The log is made from a seed: 1,000,000 lines of about 237 bytes, 1,400 paths and
//! 5,000 callers, 100 lines a second, so it spans 3 hours. It is read from a file that lies in the page cache.
//!
//! - `parse`: one thread reads lines.
//! - `count`: reading the file, parsing and counting on every core, into a store that drops the batches.
//! - `import`: the same into a new SQLite file.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::{BatchSize, Criterion, Throughput};
use endpoint_stats_core::store::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, SqliteStore, StatsQuery, StatsReport, StatsStore, StoreError,
    WriterId, WriterState,
};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Endpoint, ServiceName};
use endpoint_stats_server::import::{ImportOptions, LineFormat, LineParser, Source, import};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const LINES: u32 = 1_000_000;
const PEER_LINES: u32 = 200_000;
const PATHS: u64 = 1_400;
const CALLERS: u64 = 5_000;
const LINES_PER_SEC: u32 = 100;

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:27.0) Gecko/20100101 Firefox/27.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 6_0 like Mac OS X) AppleWebKit/536.26 (KHTML, like Gecko) Version/6.0 Mobile/10A5376e Safari/8536.25",
];

/// Sebastiano Vigna's `SplitMix64`.
struct Random(u64);

/// Drops every batch.
#[derive(Debug)]
struct NoStore;

fn main() {
    let is_benchmark = std::env::args().any(|arg| arg == "--bench");
    if !is_benchmark {
        return;
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let log = folder.path().join("access.log");
    let text = log_of(LINES);
    fs::write(&log, &text).expect("there is room for the log");
    println!("{} lines of {} bytes on average", LINES, text.len() / LINES as usize);

    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let mut group = criterion.benchmark_group("import_log");
    group.throughput(Throughput::Elements(LINES.into()));
    group.bench_function("parse", |bencher| bencher.iter(|| parse(&text)));
    let runtime = Runtime::new().expect("the machine has threads");
    group.bench_function("count", |bencher| bencher.iter(|| count(&runtime, &log, Arc::new(NoStore))));
    group.bench_function("import", |bencher| {
        bencher.iter_batched_ref(
            || new_database(&runtime),
            |(_, store)| count(&runtime, &log, Arc::clone(store)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
    compare_with_goaccess(&runtime, &folder);
}

fn parse(text: &str) -> u64 {
    let mut parser = LineParser::new(LineFormat::combined());
    text.lines().filter_map(|line| parser.read(line.as_bytes()).ok()).map(|line| black_box(line).response_bytes).sum()
}

fn count(runtime: &Runtime, log: &Path, store: Arc<dyn StatsStore>) -> u64 {
    let options = ImportOptions::new(ServiceName::new("shop").expect("the name is allowed"));
    let summary = runtime.block_on(import(Source::File(log.to_owned()), &options, store, &mut |_| {}));
    summary.expect("the log can be imported").counted
}

fn new_database(runtime: &Runtime) -> (TempDir, Arc<dyn StatsStore>) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = runtime.block_on(SqliteStore::open(folder.path().join("stats.db"))).expect("a new file can be opened");
    (folder, Arc::new(store))
}

fn compare_with_goaccess(runtime: &Runtime, folder: &TempDir) {
    let log = folder.path().join("peer.log");
    fs::write(&log, log_of(PEER_LINES)).expect("there is room for the log");
    let (_database, store) = new_database(runtime);
    let ours = time(|| assert_eq!(count(runtime, &log, store), u64::from(PEER_LINES)));
    let mut goaccess = Command::new("goaccess");
    goaccess.arg(&log).args(["--log-format=COMBINED", "--no-global-config", "--no-progress", "-o"]);
    goaccess.arg(folder.path().join("report.json")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut status = None;
    let theirs = time(|| status = goaccess.status().ok());
    match status {
        Some(status) if status.success() => {
            let rate = |time: Duration| f64::from(PEER_LINES) / time.as_secs_f64();
            println!("{PEER_LINES} lines: endpoint-stats {:.0}/s, goaccess {:.0}/s", rate(ours), rate(theirs));
            println!("endpoint-stats is {:.1} times as fast", rate(ours) / rate(theirs));
        }
        _ => println!("goaccess is not there, or failed: no comparison"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn log_of(lines: u32) -> String {
    let mut random = Random(7);
    let mut text = String::new();
    for number in 0..lines {
        write_line(&mut text, number / LINES_PER_SEC, &mut random);
    }
    text
}

fn write_line(text: &mut String, second: u32, random: &mut Random) {
    let caller = random.below(CALLERS);
    let (hour, minute, second) = (second / 3_600 % 24, second / 60 % 60, second % 60);
    // The product of two makes some paths much more frequent than others.
    let page = random.below(PATHS) * random.below(PATHS) / PATHS;
    let status = random.one_of(&[200, 200, 200, 200, 200, 200, 206, 301, 304, 404]);
    let (bytes, agent) = (random.below(200_000), random.one_of(&AGENTS));
    let query = if random.below(10) == 0 { "?flav=rss20" } else { "" };
    writeln!(
        text,
        "203.0.{}.{} - - [17/May/2015:{hour:02}:{minute:02}:{second:02} +0000] \
         \"GET /articles/section-{}/page-{page}.html{query} HTTP/1.1\" {status} {bytes} \
         \"http://example.org/blog/{}.html\" \"{agent}\"",
        caller / 250,
        caller % 250,
        page % 40,
        page % 300,
    )
    .expect("a string takes any text");
}

impl Random {
    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(choices.len() as u64)).expect("a slice is indexed by usize");
        &choices[at]
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[async_trait]
impl StatsStore for NoStore {
    async fn apply(&self, _: &Batch) -> Result<Applied, StoreError> {
        Ok(Applied::Applied)
    }

    async fn writer(&self, _: WriterId) -> Result<Option<WriterState>, StoreError> {
        Ok(None)
    }

    async fn query(&self, _: &StatsQuery) -> Result<StatsReport, StoreError> {
        Ok(StatsReport::default())
    }

    async fn register(&self, _: &[Endpoint], _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        Ok(Vec::new())
    }

    async fn roll_up(&self, _: Timestamp, _: &Retention) -> Result<RolledUp, StoreError> {
        Ok(RolledUp::default())
    }

    async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
