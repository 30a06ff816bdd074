//! What is done to the parts, and what must be true after it.

mod black_hole;
mod disks;
mod grand_mix;
mod killed_stores;
mod killed_writers;
mod lost_replies;
mod rolled_up;
mod rolling_update;
mod strange_routes;
mod terminated;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use tokio::time::{Instant, sleep_until};

use crate::dice::Dice;
use crate::oracle::{Oracle, Settled};
use crate::parts::store::Database;
use crate::report::Findings;
use crate::writer::{SERVICE, open};

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Acknowledgements that never arrive.
    LostReplies,
    /// Writers without a spool, killed.
    KilledWriters,
    /// Writers with a spool, killed.
    KilledWritersWithSpool,
    /// PostgreSQL, killed.
    KilledPostgres,
    /// Redis, killed.
    KilledRedis,
    /// Servers of endpoint-stats, killed.
    KilledServers,
    /// Writers, asked to end under load, with a store and without.
    Terminated,
    /// A store that takes everything and says nothing.
    BlackHole,
    /// Spools on disks that are full, too small or read-only.
    Disks,
    /// Roll-ups and retention in three processes at once, killed at random.
    RolledUp,
    /// Servers replaced one by one, from the previous release and its tables.
    RollingUpdate,
    /// A million different routes.
    StrangeRoutes,
    /// Everything at once.
    GrandMix,
}

/// How a run was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) dice: Dice,
    /// Whether every figure of the promises is reached, or only a part of it.
    pub(crate) is_long: bool,
    /// How long faults are mixed.
    pub(crate) mixed_for: Duration,
    /// The program `endpoint-stats-server`.
    pub(crate) server: PathBuf,
    /// The same of the previous release, if there is one.
    pub(crate) previous: Option<PathBuf>,
}

impl Scenario {
    /// As it is named on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) async fn run(self, run: &Run) -> anyhow::Result<Findings> {
        match self {
            Self::LostReplies => lost_replies::run(run).await,
            Self::KilledWriters => killed_writers::without_spool(run).await,
            Self::KilledWritersWithSpool => killed_writers::with_spool(run).await,
            Self::KilledPostgres => killed_stores::postgres(run).await,
            Self::KilledRedis => killed_stores::redis(run).await,
            Self::KilledServers => killed_stores::servers(run).await,
            Self::Terminated => terminated::run(run).await,
            Self::BlackHole => black_hole::run(run).await,
            Self::Disks => disks::run(run).await,
            Self::RolledUp => rolled_up::run(run).await,
            Self::RollingUpdate => rolling_update::run(run).await,
            Self::StrangeRoutes => strange_routes::run(run).await,
            Self::GrandMix => grand_mix::run(run).await,
        }
    }
}

impl Run {
    /// How often something is done.
    pub(crate) fn rounds(&self, long: usize, short: usize) -> usize {
        if self.is_long { long } else { short }
    }
}

/// Lets real time pass.
pub(crate) async fn pass(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

/// Compares the ledger with a store, and writes down what is wrong.
async fn settle(oracle: &Oracle, database: &Database, findings: &mut Findings, of: &str) -> anyhow::Result<Settled> {
    let store = open(&database.url()).await?;
    let ledger = std::mem::take(&mut *oracle.ledger());
    let settled = Settled::of(&ledger, &*store, SERVICE).await?;
    *oracle.ledger() = ledger;
    findings.note(&format!("{of}hits attempted"), settled.attempted);
    findings.note(&format!("{of}batches"), settled.batches);
    findings.none(&format!("{of}hits lost after their acknowledgement, doubled or invented"), &settled.violations);
    Ok(settled)
}
