//! Stores and servers that are killed under load, and come back.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{Run, pass, settle};
use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::parts::server::Server;
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::report::Findings;

const WRITERS: usize = 4;
const PATIENCE: Duration = Duration::from_mins(1);
/// From the return of a store to the acknowledgement of everything that waited for it.
const DRAINED_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn postgres(run: &Run) -> anyhow::Result<Findings> {
    let database = Database::start(Kind::Postgres).await?;
    let url = database.url();
    kill(run, Victims { database, servers: Vec::new() }, vec![url; WRITERS]).await
}

pub(super) async fn redis(run: &Run) -> anyhow::Result<Findings> {
    let database = Database::start(Kind::Redis).await?;
    let url = database.url();
    kill(run, Victims { database, servers: Vec::new() }, vec![url; WRITERS]).await
}

pub(super) async fn servers(run: &Run) -> anyhow::Result<Findings> {
    let database = Database::start(Kind::Postgres).await?;
    let start = |index| Server::start(&format!("server {index}"), &run.server, &database.url(), &[]);
    let servers = (0..2).map(start).collect::<anyhow::Result<Vec<_>>>()?;
    let urls = (0..WRITERS).map(|index| format!("http://{}", servers[index % servers.len()].address())).collect();
    kill(run, Victims { database, servers }, urls).await
}

/// What is killed: a server if there is one, else the store.
struct Victims {
    database: Database,
    servers: Vec<Server>,
}

async fn kill(run: &Run, mut victims: Victims, urls: Vec<String>) -> anyhow::Result<Findings> {
    let oracle = Oracle::listen().await?;
    let mut findings = Findings::default();
    let mut dice = run.dice.split("kills");
    let options = ["--interval-millis", "250", "--rate", "1000"].map(str::to_owned);
    let writers = urls.iter().enumerate().map(|(index, url)| Writer::new(format!("w{index}"), url, &options));
    let mut writers = writers.collect::<anyhow::Result<Vec<_>>>()?;
    try_join_all(writers.iter_mut().map(|writer| writer.start(&oracle))).await?;
    let (rounds, mut slowest) = (run.rounds(30, 8), Duration::ZERO);
    for _ in 0..rounds {
        pass(Duration::from_millis(dice.of(200..700))).await;
        victims.strike(&mut dice).await?;
        slowest = slowest.max(drained(&oracle).await?);
    }
    try_join_all(writers.iter_mut().map(|writer| writer.terminate(&oracle, PATIENCE))).await?;
    let settled = settle(&oracle, &victims.database, &mut findings, "").await?;
    findings.note("kills", rounds);
    findings.check("hits lost", settled.lost(), "0", settled.lost() == 0);
    findings.check(
        "slowest drain after a return",
        format!("{slowest:.1?}"),
        &format!("≤ {DRAINED_WITHIN:.0?}"),
        slowest <= DRAINED_WITHIN,
    );
    Ok(findings)
}

/// Waits until everything is acknowledged that has been counted by now; how long that took.
async fn drained(oracle: &Oracle) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let counted = oracle.ledger().all_attempted();
    oracle.until("everything counted is acknowledged", PATIENCE, |ledger| ledger.all_acknowledged() >= counted).await?;
    Ok(begun.elapsed())
}

impl Victims {
    /// Kills one, leaves it dead for a moment, and starts it again.
    async fn strike(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let dead_for = Duration::from_millis(dice.of(0..1500));
        if self.servers.is_empty() {
            if dice.of(0..3) == 0 {
                self.database.stop_immediately();
            } else {
                self.database.kill_9();
            }
            pass(dead_for).await;
            self.database.start_again();
            return Ok(());
        }
        let index = dice.index(self.servers.len());
        self.servers[index].kill_9().await?;
        pass(dead_for).await;
        self.servers[index].start_again()
    }
}
