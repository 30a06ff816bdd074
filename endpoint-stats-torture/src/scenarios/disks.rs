//! Spools on a disk that is full, too small or read-only.

use std::time::Duration;

use anyhow::ensure;

use super::{Run, pass, settle};
use crate::oracle::Oracle;
use crate::oracle::said::Account;
use crate::parts::disk::Disk;
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::report::Findings;
use crate::support::proxy::Proxy;

const DISK_BYTES: u64 = 4 << 20;
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn run(run: &Run) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for round in 0..run.rounds(10, 2) {
        fill(run, round, &mut findings).await?;
    }
    outgrow(&mut findings).await?;
    protect(&mut findings).await?;
    Ok(findings)
}

struct Stage {
    database: Database,
    proxy: Proxy,
    disk: Disk,
    oracle: Oracle,
    writer: Writer,
}

impl Stage {
    /// A writer whose spool is on a small disk, with a store behind a network.
    async fn set(more: &[&str]) -> anyhow::Result<Self> {
        let database = Database::start(Kind::Postgres).await?;
        let proxy = Proxy::to(database.address().expect("it listens")).await;
        let disk = Disk::of(DISK_BYTES)?;
        let oracle = Oracle::listen().await?;
        let options = ["--interval-millis", "50", "--rate", "3000", "--routes", "300", "--drain-millis", "30000"];
        let options: Vec<_> = options.iter().chain(more).map(ToString::to_string).collect();
        let writer = Writer::new("w", &database.url_by_way_of(proxy.addr()), &options)?;
        let writer = writer.with_spool_in(&disk.folder()).wrapped_by(disk.inside()?);
        Ok(Self { database, proxy, disk, oracle, writer })
    }

    async fn until_books(&self, what: &str, enough: impl Fn(&Account) -> bool) -> anyhow::Result<()> {
        let process = self.writer.process();
        self.oracle
            .until(what, PATIENCE, |ledger| {
                ledger.processes.get(&process).is_some_and(|process| enough(&process.books))
            })
            .await
    }

    /// Lets the writer end, and looks at what the store has.
    async fn end(mut self, findings: &mut Findings, of: &str) -> anyhow::Result<(u64, Account)> {
        let (ended, account) = self.writer.terminate(&self.oracle, PATIENCE).await?;
        let account = account.unwrap_or_default();
        ensure!(ended.code == Some(0) && account.pending + account.spooled == 0, "{ended:?} with {account:?}");
        let settled = settle(&self.oracle, &self.database, findings, of).await?;
        Ok((settled.lost(), account))
    }
}

/// The disk has no room for a while, with a store and without; then the writer is killed, or not.
async fn fill(run: &Run, round: usize, findings: &mut Findings) -> anyhow::Result<()> {
    let mut dice = run.dice.split(&round.to_string());
    let mut stage = Stage::set(&[]).await?;
    stage.writer.start(&stage.oracle).await?;
    stage.until_books("a batch is stored", |books| books.stored > 0).await?;
    stage.disk.fill()?;
    pass(Duration::from_millis(dice.of(300..1_000))).await;
    stage.proxy.black_hole();
    stage.until_books("hits wait in memory", |books| books.pending > 1_000).await?;
    stage.disk.free()?;
    stage.until_books("they are on the disk", |books| books.spooled > books.pending).await?;
    stage.proxy.pass().await;
    let of = format!("disk full, round {round}: ");
    let (lost, account) = stage.end(findings, &of).await?;
    findings.check(&format!("{of}hits lost"), lost, "0", lost == 0 && account.dropped == 0);
    Ok(())
}

/// The store is away for longer than the spool has room, and old hits are given up for new ones.
async fn outgrow(findings: &mut Findings) -> anyhow::Result<()> {
    for (policy, more) in
        [("merged", &["--spool-bytes", "1048576"][..]), ("dropped", &["--spool-bytes", "1048576", "--drop-oldest"])]
    {
        let mut stage = Stage::set(more).await?;
        stage.writer.start(&stage.oracle).await?;
        stage.until_books("a batch is stored", |books| books.stored > 0).await?;
        stage.proxy.black_hole();
        if policy == "merged" {
            stage
                .until_books("more waits than there is room for", |books| books.spooled > 0 && books.pending > 5_000)
                .await?;
        } else {
            stage.until_books("old hits are given up", |books| books.dropped > 0).await?;
        }
        stage.proxy.pass().await;
        let of = format!("spool full, {policy}: ");
        let (lost, account) = stage.end(findings, &of).await?;
        findings.check(
            &format!("{of}hits lost, and told as dropped"),
            format!("{lost}, {}", account.dropped),
            "equal",
            lost == account.dropped,
        );
    }
    Ok(())
}

/// The disk became read-only between two lives: the writer says so and does not pretend to be safe.
async fn protect(findings: &mut Findings) -> anyhow::Result<()> {
    let mut stage = Stage::set(&[]).await?;
    stage.writer.start(&stage.oracle).await?;
    stage.until_books("a batch is stored", |books| books.stored > 0).await?;
    stage.proxy.black_hole();
    stage.until_books("hits are on the disk", |books| books.spooled > 1_000).await?;
    stage.writer.kill_9(&stage.oracle).await?;
    let safe = stage.oracle.ledger().processes[&stage.writer.process()].books.safe();
    stage.disk.make_read_only()?;
    let refused = stage.writer.start_in_vain(&stage.oracle).await?;
    stage.disk.make_writable()?;
    stage.proxy.pass().await;
    stage.writer.start(&stage.oracle).await?;
    let of = "disk read-only: ";
    let Stage { mut writer, oracle, database, .. } = stage;
    writer.terminate(&oracle, PATIENCE).await?;
    let settled = settle(&oracle, &database, findings, of).await?;
    let is_told = refused.code == Some(1) && writer.log().contains("Read-only file system");
    findings.check(&format!("{of}a start is refused with a reason"), is_told, "true", is_told);
    findings.check(
        &format!("{of}hits stored, of those sealed"),
        settled.applied,
        &format!("≥ {safe}"),
        settled.applied >= safe,
    );
    Ok(())
}
