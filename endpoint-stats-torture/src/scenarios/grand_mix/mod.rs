//! Everything at once: three servers, eight writers, a store, and whatever the seed does to them.

mod fault;
mod fleet;
mod reader;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use self::fault::Fault;
use self::fleet::Fleet;
use self::reader::Reader;
use super::{Run, pass, settle};
use crate::oracle::Oracle;
use crate::report::Findings;

pub(super) async fn run(run: &Run) -> anyhow::Result<Findings> {
    let mut dice = run.dice.split("faults");
    let oracle = Oracle::listen().await?;
    let mut fleet = Fleet::start(run, &oracle).await?;
    let reader = Reader::start(fleet.addresses(), &oracle);
    let mut faults = BTreeMap::<&str, u64>::new();
    let end = Instant::now() + run.mixed_for;
    while Instant::now() < end {
        pass(Duration::from_millis(dice.of(100..600))).await;
        fleet.heal_what_is_due(&oracle).await?;
        let fault = Fault::any(&mut dice);
        if fleet.strike(fault, &mut dice, &oracle).await? {
            tracing::info!(fault = fault.name(), "struck");
            *faults.entry(fault.name()).or_default() += 1;
        }
    }
    fleet.heal(&oracle).await?;
    let reads = reader.stop().await;
    let mut findings = Findings::default();
    fleet.end(&oracle, &mut findings).await?;
    let settled = settle(&oracle, fleet.database(), &mut findings, "").await?;
    let (all, enough) = (faults.values().sum::<u64>(), run.mixed_for.as_secs() / 3);
    findings.check("faults", all, &format!("≥ {enough}"), all >= enough);
    findings.note("store", format!("{:?}", fleet.kind));
    findings.note("faults by kind", format!("{faults:?}"));
    findings.note("servers that ended because their store was away when they started", fleet.restarts);
    findings.note("hits counted and lost with writers that were killed", settled.lost());
    findings.note("acknowledgements truly lost", oracle.ledger().lost_replies);
    findings.check("reads that were answered", reads.answered, "> 0", reads.answered > 0);
    findings.note("reads that were not, because of a fault", format!("{:?}", reads.failed));
    findings.none("reads outside of acknowledged ≤ value ≤ attempted, or lower than the one before", &reads.violations);
    Ok(findings)
}

/// Terminates what is left and sees to it that everything arrives.
impl Fleet {
    async fn end(&mut self, oracle: &Oracle, findings: &mut Findings) -> anyhow::Result<()> {
        let ends =
            try_join_all(self.writers.iter_mut().map(|writer| writer.terminate(oracle, Duration::from_secs(90))))
                .await?;
        let bad = ends.iter().filter(|(ended, account)| {
            ended.code != Some(0) || account.is_none_or(|account| account.pending + account.spooled > 0)
        });
        let bad: Vec<_> = bad.map(|end| format!("{end:?}")).collect();
        findings.none("writers that did not end well", &bad);
        let ledger = oracle.ledger();
        let unsent = self.spooled_writers().filter_map(|writer| {
            let lives = ledger.processes.iter().filter(|(name, _)| writer.has_lived_as(name));
            let (safe, there) =
                lives.fold((0, 0), |(safe, there), (_, life)| (safe + life.books.safe(), there + life.acknowledged));
            (there < safe).then(|| format!("{} sealed {safe} hits and {there} arrived", writer.process()))
        });
        findings.none("writers with a spool whose sealed hits are missing", &unsent.collect::<Vec<_>>());
        Ok(())
    }
}
