//! Servers replaced one by one under load: from the previous release and its tables to this one, and back.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use tokio::task::block_in_place;

use super::{Run, pass, settle};
use crate::oracle::Oracle;
use crate::parts::server::Server;
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::report::Findings;

const SERVERS: usize = 3;
const WRITERS: usize = 6;
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn run(run: &Run) -> anyhow::Result<Findings> {
    let previous = run.previous.as_ref().unwrap_or(&run.server);
    let database = Database::start_empty(Kind::Postgres)?;
    migrate(previous, &database)?;
    let start = |index| Server::start(&format!("server {index}"), previous, &database.url(), &[]);
    let mut servers = (0..SERVERS).map(start).collect::<anyhow::Result<Vec<_>>>()?;
    let oracle = Oracle::listen().await?;
    let options = ["--interval-millis", "200", "--rate", "500"].map(str::to_owned);
    let url = |index: usize| format!("http://{}", servers[index % SERVERS].address());
    let writers = (0..WRITERS).map(|index| Writer::new(format!("w{index}"), &url(index), &options));
    let mut writers = writers.collect::<anyhow::Result<Vec<_>>>()?;
    try_join_all(writers.iter_mut().map(|writer| writer.start(&oracle))).await?;
    pass(Duration::from_millis(500)).await;
    migrate(&run.server, &database)?;
    let (mut replaced, mut bad) = (0, Vec::new());
    for executable in [&run.server, previous, &run.server] {
        for server in &mut servers {
            let ended = server.terminate(PATIENCE).await?;
            if ended.code != Some(0) {
                bad.push(format!("{ended:?}: {}", server.log()));
            }
            server.become_another(executable);
            server.start_again()?;
            replaced += 1;
            pass(Duration::from_millis(300)).await;
        }
    }
    try_join_all(writers.iter_mut().map(|writer| writer.terminate(&oracle, PATIENCE))).await?;
    let mut findings = Findings::default();
    let settled = settle(&oracle, &database, &mut findings, "").await?;
    let from = run.previous.as_ref().map_or("this release", |_| "the previous release");
    findings.note("servers replaced, there and back again, beginning with", format!("{replaced}, {from}"));
    findings.none("servers that did not end well", &bad);
    findings.check("hits lost", settled.lost(), "0", settled.lost() == 0);
    Ok(findings)
}

fn migrate(executable: &Path, database: &Database) -> anyhow::Result<()> {
    let mut command = Command::new(executable);
    command.args(["migrate", "--database-url", &database.url()]).env_clear();
    let output =
        block_in_place(|| command.output()).with_context(|| format!("{} does not start", executable.display()))?;
    ensure!(output.status.success(), "the migration failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
