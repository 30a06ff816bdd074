//! SIGTERM under load, with a store that is there and with one that is not: exact, or reported.

use std::time::Duration;

use anyhow::ensure;
use futures_util::future::try_join_all;

use super::{Run, pass, settle};
use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::oracle::said::Account;
use crate::parts::program::Ended;
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::report::Findings;
use crate::support::proxy::Proxy;

const WRITERS: usize = 4;
const DRAIN: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn run(run: &Run) -> anyhow::Result<Findings> {
    let database = Database::start(Kind::Postgres).await?;
    let oracle = Oracle::listen().await?;
    let mut findings = Findings::default();
    let rounds = run.rounds(40, 16) / WRITERS;
    let each = (0..WRITERS).map(|index| end_one(index, rounds, &database, &oracle, run.dice.split(&index.to_string())));
    let ends = try_join_all(each).await?.concat();
    let settled = settle(&oracle, &database, &mut findings, "").await?;
    let slowest = ends.iter().map(|end| end.ended.after).max().unwrap_or_default();
    let bad: Vec<_> = ends.iter().filter(|end| !end.is_good()).map(|end| format!("{end:?}")).collect();
    let reported: u64 = ends.iter().filter_map(|end| end.account).map(|account| account.pending).sum();
    findings.note("ends, half of them with a store that says nothing", ends.len());
    findings.none("ends with another exit code than 0, or books that miss a hit", &bad);
    findings.check("slowest end", format!("{slowest:.1?}"), &format!("≤ {LIMIT:.0?}"), slowest <= LIMIT);
    // A batch that was on its way may have arrived.
    let is_told = settled.lost() <= reported;
    findings.check("hits lost, of those reported as lost", settled.lost(), &format!("≤ {reported}"), is_told);
    Ok(findings)
}

/// How one life ended.
#[derive(Clone, Debug)]
struct End {
    ended: Ended,
    account: Option<Account>,
    attempted: u64,
    is_store_there: bool,
    has_spool: bool,
}

impl End {
    fn is_good(&self) -> bool {
        let Some(account) = self.account else { return false };
        let is_whole = account.balances() && account.observed == self.attempted;
        let is_exact = account.pending == 0 && account.spooled == 0;
        let is_kept = self.has_spool && account.pending == 0;
        self.ended.code == Some(0) && is_whole && (!self.is_store_there || is_exact) && (!self.has_spool || is_kept)
    }
}

async fn end_one(
    index: usize,
    rounds: usize,
    database: &Database,
    oracle: &Oracle,
    mut dice: Dice,
) -> anyhow::Result<Vec<End>> {
    let proxy = Proxy::to(database.address().expect("it listens")).await;
    let drain = DRAIN.as_millis().to_string();
    let options = ["--interval-millis", "250", "--rate", "2000", "--drain-millis", &drain].map(str::to_owned);
    let mut writer = Writer::new(format!("w{index}"), &database.url_by_way_of(proxy.addr()), &options)?;
    let has_spool = index % 2 == 1;
    if has_spool {
        writer = writer.with_spool();
    }
    let mut ends = Vec::new();
    for round in 0..rounds {
        let is_store_there = round % 2 == 0;
        proxy.pass().await;
        writer.start(oracle).await?;
        let process = writer.process();
        let is_acknowledged = |ledger: &crate::oracle::Ledger| {
            ledger.processes.get(&process).is_some_and(|process| process.acknowledged > 0)
        };
        oracle.until("a batch is acknowledged", PATIENCE, is_acknowledged).await?;
        pass(Duration::from_millis(dice.of(0..500))).await;
        if !is_store_there {
            proxy.black_hole();
            pass(Duration::from_millis(dice.of(0..500))).await;
        }
        let (ended, account) = writer.terminate(oracle, PATIENCE).await?;
        let attempted = oracle.ledger().processes.get(&process).map_or(0, |process| process.attempted);
        ends.push(End { ended, account, attempted, is_store_there, has_spool });
    }
    proxy.pass().await;
    writer.start(oracle).await?;
    let (ended, account) = writer.terminate(oracle, PATIENCE).await?;
    let is_drained = account.is_some_and(|account| account.pending + account.spooled == 0);
    ensure!(ended.code == Some(0) && is_drained, "{} ended with {ended:?} and {account:?}", writer.process());
    Ok(ends)
}
