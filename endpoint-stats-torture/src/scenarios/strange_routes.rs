//! A million different routes: every hit counts, and memory stays where it is.

use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use serde_json::json;

use super::Run;
use crate::oracle::Oracle;
use crate::parts::server::{Server, get};
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::report::Findings;
use crate::writer::{SERVICE, open};

const BODY_HITS: u64 = 5_000;
const PATIENCE: Duration = Duration::from_mins(5);
/// What a process may take for a service that invents routes: 2,000 endpoints and what it takes without any.
const MEMORY_KIB: u64 = 256 << 10;

pub(super) async fn run(run: &Run) -> anyhow::Result<Findings> {
    let routes = if run.is_long { 1_000_000 } else { 100_000 };
    let mut findings = Findings::default();
    findings.note("different routes", routes);
    by_a_writer(routes, &mut findings).await?;
    by_requests(run, routes, &mut findings).await?;
    Ok(findings)
}

/// A service whose routes are no templates.
async fn by_a_writer(routes: u64, findings: &mut Findings) -> anyhow::Result<()> {
    let database = Database::start(Kind::Postgres).await?;
    let oracle = Oracle::listen().await?;
    let options = ["--routes", &routes.to_string(), "--rate", "20000"].map(str::to_owned);
    let mut writer = Writer::new("w", &database.url(), &options)?;
    writer.start(&oracle).await?;
    oracle.until("as many hits as routes are counted", PATIENCE, |ledger| ledger.all_attempted() >= routes).await?;
    let memory = writer.memory()?;
    let (ended, account) = writer.terminate(&oracle, PATIENCE).await?;
    let counted = oracle.ledger().all_attempted();
    let known = open(&database.url()).await?.endpoints().await.context("the store does not answer")?;
    let stored: u64 = known.iter().map(|known| known.hits).sum();
    let is_exact =
        stored == counted && account.is_some_and(|account| account.stored == counted) && ended.code == Some(0);
    findings.check("by a service: hits stored, of those counted", format!("{stored} of {counted}"), "all", is_exact);
    findings.check("by a service: endpoints", known.len(), "≤ 2001", known.len() <= 2_001);
    findings.check("by a service: memory, KiB", memory, &format!("≤ {MEMORY_KIB}"), memory <= MEMORY_KIB);
    Ok(())
}

/// Somebody who sends hits of ever new routes.
async fn by_requests(run: &Run, routes: u64, findings: &mut Findings) -> anyhow::Result<()> {
    let database = Database::start(Kind::Postgres).await?;
    let server = Server::start("server", &run.server, &database.url(), &[])?;
    let senders = (0..4).map(|sender| send(&server, (sender..routes / BODY_HITS).step_by(4)));
    try_join_all(senders).await?;
    let memory = server.memory()?;
    let path = format!("/v1/endpoints?service={SERVICE}&limit=1");
    let page = get(server.address(), &path).await?;
    let known = open(&database.url()).await?.endpoints().await.context("the store does not answer")?;
    let known: Vec<_> = known.into_iter().filter(|known| known.endpoint.service().as_str() == SERVICE).collect();
    let stored: u64 = known.iter().map(|known| known.hits).sum();
    findings.check(
        "by requests: hits stored, of those accepted",
        format!("{stored} of {routes}"),
        "all",
        stored == routes,
    );
    findings.check("by requests: endpoints", known.len(), "≤ 10001", known.len() <= 10_001);
    findings.check(
        "by requests: the server still answers with",
        &page["total"],
        "all",
        page["total"] == json!(known.len()),
    );
    findings.check("by requests: memory of the server, KiB", memory, &format!("≤ {MEMORY_KIB}"), memory <= MEMORY_KIB);
    Ok(())
}

async fn send(server: &Server, bodies: impl Iterator<Item = u64>) -> anyhow::Result<()> {
    for body in bodies {
        let hit =
            |route| json!({"service": SERVICE, "method": "GET", "route": format!("/strange/{route}"), "status": 200});
        let hits: Vec<_> = (body * BODY_HITS..(body + 1) * BODY_HITS).map(hit).collect();
        server.post("/v1/hits", &json!(hits)).await?;
    }
    Ok(())
}
