//! Acknowledgements that never arrive: the batch is there, and is sent again.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::{Run, settle};
use crate::oracle::Oracle;
use crate::oracle::said::Told;
use crate::parts::server::Server;
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::report::Findings;
use crate::support::proxy::Proxy;

const WRITERS: usize = 8;
/// Without a byte for so long, a reply has been swallowed whole.
const QUIET: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn run(run: &Run) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let rounds = run.rounds(200, 48);
    for kind in [Kind::Postgres, Kind::Redis] {
        let database = Database::start(kind).await?;
        let address = database.address().expect("it listens");
        let proxies = try_join_all((0..WRITERS).map(|_| async { anyhow::Ok(Proxy::to(address).await) })).await?;
        let urls = proxies.iter().map(|proxy| database.url_by_way_of(proxy.addr())).collect();
        lose(rounds, &database, &proxies, urls, &format!("{kind:?}: "), &mut findings).await?;
    }
    let database = Database::start(Kind::Sqlite).await?;
    let server = Server::start("server", &run.server, &database.url(), &[])?;
    let proxies = try_join_all((0..WRITERS).map(|_| async { anyhow::Ok(Proxy::to(server.address()).await) })).await?;
    let urls = proxies.iter().map(|proxy| format!("http://{}", proxy.addr())).collect();
    lose(rounds, &database, &proxies, urls, "a server on SQLite: ", &mut findings).await?;
    Ok(findings)
}

async fn lose(
    rounds: usize,
    database: &Database,
    proxies: &[Proxy],
    urls: Vec<String>,
    of: &str,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let oracle = Oracle::listen().await?;
    let each = urls.iter().zip(proxies).enumerate().map(|(index, (url, proxy))| {
        let oracle = &oracle;
        async move {
            let mut writer = Writer::new(format!("w{index}"), url, &["--interval-millis".to_owned(), "20".to_owned()])?;
            writer.start(oracle).await?;
            for round in 0..rounds.div_ceil(WRITERS) {
                proxy.drop_replies_to(b"/e/", QUIET);
                count_and_wait(&writer, oracle, 1 + round as u64).await?;
            }
            writer.terminate(oracle, PATIENCE).await
        }
    });
    try_join_all(each).await?;
    let lost = oracle.ledger().lost_replies;
    let settled = settle(&oracle, database, findings, of).await?;
    let enough = rounds as u64 / 2;
    findings.check(
        &format!("{of}acknowledgements truly lost in {rounds} rounds"),
        lost,
        &format!("≥ {enough}"),
        lost >= enough,
    );
    findings.check(&format!("{of}hits lost"), settled.lost(), "0", settled.lost() == 0);
    Ok(())
}

/// Lets a writer count, and waits until the store has said that it has that.
async fn count_and_wait(writer: &Writer, oracle: &Oracle, hits: u64) -> anyhow::Result<()> {
    let process = writer.process();
    let acknowledged =
        |ledger: &crate::oracle::Ledger| ledger.processes.get(&process).map_or(0, |process| process.acknowledged);
    let before = acknowledged(&oracle.ledger());
    writer.tell(oracle, Told::Count(hits)).await?;
    oracle.until(&format!("{process} has {hits} more"), PATIENCE, |ledger| acknowledged(ledger) >= before + hits).await
}
