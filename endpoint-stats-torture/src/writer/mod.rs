//! The process that counts: a recorder, its flusher, a store, and a line to the oracle.

mod broken;
mod line;
mod open;
mod service;
mod traffic;
mod wall_clock;
mod witness;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::flush::spool::{Spool, SpoolOptions, WhenFull};
use endpoint_stats_core::flush::{FlushConfig, Flusher};
use endpoint_stats_core::store::Retention;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

pub(crate) use self::broken::Broken;
use self::line::Line;
pub(crate) use self::open::open;
use self::open::opened;
use self::service::Service;
use self::traffic::Traffic;
use self::wall_clock::WallClock;
use self::witness::Witness;
use crate::oracle::said::{Said, Told};

/// The service whose hits are counted.
pub(crate) const SERVICE: &str = "torture";

/// Between two looks at what is due.
const TICK: Duration = Duration::from_millis(10);

/// What a writer is told when it starts.
#[derive(Args, Clone, Debug)]
pub(crate) struct WriterArguments {
    /// Where the oracle listens.
    #[arg(long)]
    pub(crate) oracle: SocketAddr,
    /// The name of this process.
    #[arg(long)]
    pub(crate) process: String,
    /// Where the hits go.
    #[arg(long)]
    pub(crate) store: String,
    /// The folder of batches on their way.
    #[arg(long)]
    pub(crate) spool: Option<PathBuf>,
    /// Bytes that the folder may take.
    #[arg(long, default_value_t = 256 << 20)]
    pub(crate) spool_bytes: u64,
    /// Gives up old hits for new ones when the folder is full.
    #[arg(long)]
    pub(crate) drop_oldest: bool,
    /// Hits a second.
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    /// Different routes.
    #[arg(long, default_value_t = 50)]
    pub(crate) routes: u64,
    /// The number of the first one.
    #[arg(long, default_value_t = 0)]
    pub(crate) first_route: u64,
    /// Repeats the choice of routes.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Milliseconds between two flushes.
    #[arg(long, default_value_t = 1000)]
    pub(crate) interval_millis: u64,
    /// Milliseconds that a shutdown may take.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) drain_millis: u64,
    /// Milliseconds between two roll-ups; without it, this process does not roll up.
    #[arg(long)]
    pub(crate) roll_up_millis: Option<u64>,
    /// Seconds that the clock is wrong by until it is told otherwise.
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    pub(crate) wrong_by: i64,
    /// Breaks a promise.
    #[arg(long)]
    pub(crate) broken: Option<Broken>,
    /// Answers HTTP requests here, to be asked how long that takes.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
}

/// Counts until it is asked to end.
pub(crate) async fn run(arguments: WriterArguments) -> anyhow::Result<()> {
    // Before the oracle hears of this process: from then on it may be asked to end.
    let mut asked_to_end = signal(SignalKind::terminate()).context("no signals")?;
    let (line, mut orders) = Line::call(arguments.oracle, &arguments.process)?;
    let spool = arguments.spool.as_ref().map(|folder| Spool::open(folder, options(&arguments))).transpose()?;
    let store = broken::broken(opened(&arguments.store).await, arguments.broken);
    let store = Arc::new(Witness::new(store, line.clone()));
    let clock = Arc::new(WallClock::wrong_by(arguments.wrong_by));
    let recorder = Aggregator::new(ServiceName::new(SERVICE)?, Limits::default());
    let config = config(&arguments);
    let flusher = match spool {
        Some(spool) => Flusher::start_with_spool(recorder.clone(), store, clock.clone(), config, spool),
        None => Flusher::start(recorder.clone(), store, clock.clone(), config),
    };
    let _service = match arguments.listen {
        Some(address) => Some(Service::listen(address, recorder.clone(), line.clone()).await?),
        None => None,
    };
    let mut traffic = Traffic::new(recorder, line.clone(), &arguments);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => traffic.tick(TICK),
            told = orders.recv() => match told {
                Some(Told::Count(hits)) => traffic.count(hits),
                Some(Told::Rate(rate)) => traffic.set_rate(rate),
                Some(Told::Clock(wrong_by)) => clock.be_wrong_by(wrong_by),
                None => anyhow::bail!("the oracle is gone"),
            },
            _ = asked_to_end.recv() => break,
        }
        let books = flusher.books();
        if last.replace(books) != Some(books) {
            line.say(&Said::Books(books.into()));
        }
    }
    let report = flusher.shutdown(Duration::from_millis(arguments.drain_millis)).await;
    line.say(&Said::Ended(report.books.into()));
    Ok(())
}

fn options(arguments: &WriterArguments) -> SpoolOptions {
    let when_full = if arguments.drop_oldest { WhenFull::DropOldest } else { WhenFull::Merge };
    SpoolOptions { max_bytes: arguments.spool_bytes, when_full, ..SpoolOptions::default() }
}

/// What those keep that roll up: little, so that there is much to do.
pub(crate) const RETENTION: Retention =
    Retention { ten_seconds_secs: 30, minute_secs: 7_200, hour_secs: 86_400, day_secs: Some(10 * 86_400) };

fn config(arguments: &WriterArguments) -> FlushConfig {
    FlushConfig {
        interval: Duration::from_millis(arguments.interval_millis),
        retention: arguments.roll_up_millis.map(|_| RETENTION),
        roll_up: Duration::from_millis(arguments.roll_up_millis.unwrap_or(60_000)),
        ..FlushConfig::default()
    }
}
