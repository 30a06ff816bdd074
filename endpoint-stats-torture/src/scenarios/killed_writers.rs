//! Writers that are killed: what was acknowledged stays, and with a spool what was sealed does.

use std::time::Duration;

use anyhow::ensure;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{Run, pass, settle};
use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::parts::server::Server;
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::report::Findings;

const INTERVAL: Duration = Duration::from_millis(250);
/// For one flush, on a machine that does much else.
const FLUSH: Duration = Duration::from_secs(1);
const WRITERS: usize = 4;
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn without_spool(run: &Run) -> anyhow::Result<Findings> {
    kill(run, false, run.rounds(51, 12)).await
}

pub(super) async fn with_spool(run: &Run) -> anyhow::Result<Findings> {
    kill(run, true, run.rounds(102, 24)).await
}

async fn kill(run: &Run, has_spool: bool, rounds: usize) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let rounds = rounds / 3;
    for kind in [Kind::Sqlite, Kind::Postgres, Kind::Redis] {
        let database = Database::start(kind).await?;
        let of = format!("{kind:?}: ");
        let fleet = Fleet { has_spool, rounds, store: database.url(), dice: run.dice.split(&of) };
        fleet.kill_all(&database, &of, &mut findings).await?;
    }
    if has_spool {
        let database = Database::start(Kind::Postgres).await?;
        let server = Server::start("server", &run.server, &database.url(), &[])?;
        let store = format!("http://{}", server.address());
        let fleet = Fleet { has_spool, rounds, store, dice: run.dice.split("server") };
        fleet.kill_all(&database, "a server: ", &mut findings).await?;
    }
    Ok(findings)
}

/// Some writers to one store.
struct Fleet {
    has_spool: bool,
    rounds: usize,
    store: String,
    dice: Dice,
}

impl Fleet {
    async fn kill_all(&self, database: &Database, of: &str, findings: &mut Findings) -> anyhow::Result<()> {
        let oracle = Oracle::listen().await?;
        let each = (0..WRITERS).map(|index| self.kill_one(index, &oracle));
        let exposed = try_join_all(each).await?.into_iter().max().unwrap_or_default();
        let safe: u64 = oracle.ledger().processes.values().map(|process| process.books.safe()).sum();
        let settled = settle(&oracle, database, findings, of).await?;
        findings.note(&format!("{of}hits counted and lost by {} kills", self.rounds), settled.lost());
        let unacknowledged = settled.attempted - settled.acknowledged;
        if self.has_spool {
            let is_kept = settled.applied >= safe;
            findings.check(
                &format!("{of}hits stored, of those sealed"),
                settled.applied,
                &format!("≥ {safe}"),
                is_kept,
            );
            let rest = settled.acknowledged == settled.applied;
            findings.check(
                &format!("{of}hits sealed and not acknowledged in the end"),
                settled.applied - settled.acknowledged,
                "0",
                rest,
            );
        } else {
            let is_kept = settled.lost() <= unacknowledged;
            findings.check(
                &format!("{of}hits lost, of those not acknowledged"),
                settled.lost(),
                &format!("≤ {unacknowledged}"),
                is_kept,
            );
            let limit = INTERVAL + FLUSH;
            findings.check(
                &format!("{of}age of the oldest hit that a kill lost"),
                format!("{exposed:.1?}"),
                &format!("≤ {limit:.1?}"),
                exposed <= limit,
            );
        }
        Ok(())
    }

    /// Kills one writer again and again; the longest time for which a lost hit had been counted.
    async fn kill_one(&self, index: usize, oracle: &Oracle) -> anyhow::Result<Duration> {
        let mut dice = self.dice.split(&index.to_string());
        let interval = INTERVAL.as_millis().to_string();
        let options = ["--interval-millis", &interval, "--rate", "2000"].map(str::to_owned);
        let mut writer = Writer::new(format!("w{index}"), &self.store, &options)?;
        if self.has_spool {
            writer = writer.with_spool();
        }
        let mut exposed = Duration::ZERO;
        for _ in 0..self.rounds.div_ceil(WRITERS) {
            writer.start(oracle).await?;
            let process = writer.process();
            let some = dice.of(1..6);
            // Killed before the first batch, nothing is learned.
            oracle
                .until("some batches are acknowledged", PATIENCE, |ledger| {
                    ledger.processes.get(&process).is_some_and(|process| process.acknowledged > some * 100)
                })
                .await?;
            pass(Duration::from_millis(dice.of(0..300))).await;
            let killed_at = Instant::now();
            writer.kill_9(oracle).await?;
            let ledger = oracle.ledger();
            exposed = exposed
                .max(ledger.processes.get(&process).map_or(Duration::ZERO, |process| process.exposed_at(killed_at)));
        }
        writer.start(oracle).await?;
        let (ended, account) = writer.terminate(oracle, PATIENCE).await?;
        let is_drained = account.is_some_and(|account| account.pending + account.spooled == 0);
        ensure!(ended.code == Some(0) && is_drained, "{} ended with {ended:?} and {account:?}", writer.process());
        Ok(exposed)
    }
}
