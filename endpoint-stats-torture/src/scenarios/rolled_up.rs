//! Roll-ups and retention in three processes at once, killed at random: sums stay.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::{StatsQuery, StatsStore};
use endpoint_stats_core::window::TimeRange;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{Run, pass, settle};
use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::oracle::said::Told;
use crate::parts::store::{Database, Kind};
use crate::parts::writer::Writer;
use crate::report::Findings;
use crate::writer::{RETENTION, open};

const PATIENCE: Duration = Duration::from_mins(1);
/// Of the writer whose hits are past every retention.
const FIRST_OLD_ROUTE: u64 = 1_000;
const DAY: i64 = 86_400;

pub(super) async fn run(run: &Run) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for kind in [Kind::Postgres, Kind::Redis, Kind::Sqlite] {
        roll_up(run, kind, &mut findings).await?;
    }
    Ok(findings)
}

async fn roll_up(run: &Run, kind: Kind, findings: &mut Findings) -> anyhow::Result<()> {
    let mut dice = run.dice.split(&format!("{kind:?}"));
    let database = Database::start(kind).await?;
    let oracle = Oracle::listen().await?;
    let mut writers = (0..4).map(|index| writer(index, &database)).collect::<anyhow::Result<Vec<_>>>()?;
    try_join_all(writers.iter_mut().map(|writer| writer.start(&oracle))).await?;
    let store = open(&database.url()).await?;
    let (mut looks, mut kills, mut violations) = (0, 0, Vec::new());
    let end = Instant::now() + Duration::from_secs(if run.is_long { 30 } else { 4 });
    while Instant::now() < end {
        turn_clocks(&writers, &mut dice, &oracle).await?;
        pass(Duration::from_millis(dice.of(50..300))).await;
        violations.extend(look(&store, &oracle).await?);
        looks += 1;
        if dice.of(0..3) == 0 {
            // The last one only counts.
            let victim = dice.index(3);
            writers[victim].kill_9(&oracle).await?;
            writers[victim].start(&oracle).await?;
            kills += 1;
        }
    }
    try_join_all(writers.iter_mut().map(|writer| writer.terminate(&oracle, PATIENCE))).await?;
    let of = format!("{kind:?}: ");
    let settled = settle(&oracle, &database, findings, &of).await?;
    store.roll_up(SystemClock.now(), &RETENTION).await.context("the last roll-up failed")?;
    violations.extend(left(&store, &settled.expected).await?);
    findings.note(&format!("{of}kills of processes that roll up"), kills);
    findings.note(&format!("{of}looks at the sums while windows moved"), looks);
    findings.none(&format!("{of}sums that a roll-up changed, or windows past their retention"), &violations);
    Ok(())
}

/// Three roll up ten times a second; the fourth counts what is past every retention.
fn writer(index: u64, database: &Database) -> anyhow::Result<Writer> {
    let mut options = vec!["--interval-millis", "50", "--rate", "1000", "--routes", "20"];
    let long_ago = (-20 * DAY).to_string();
    options.extend(match index {
        0..3 => vec!["--roll-up-millis", "100"],
        _ => vec!["--first-route", "1000", "--wrong-by", &long_ago],
    });
    let options: Vec<_> = options.into_iter().map(str::to_owned).collect();
    Writer::new(format!("w{index}"), &database.url(), &options)
}

/// Hits of all ages that are kept; the fourth writer's are of one that is not, from its first on.
async fn turn_clocks(writers: &[Writer], dice: &mut Dice, oracle: &Oracle) -> anyhow::Result<()> {
    for writer in &writers[..3] {
        let wrong_by = *dice.one(&[0, -60, -3_600, -3 * 3_600, -DAY, -2 * DAY, -5 * DAY]);
        writer.tell(oracle, Told::Clock(wrong_by)).await?;
    }
    Ok(())
}

/// What is acknowledged is there at every moment, but for what is too old.
async fn look(store: &Arc<dyn StatsStore>, oracle: &Oracle) -> anyhow::Result<Vec<String>> {
    let sum = |hits: &BTreeMap<String, u64>| {
        hits.iter().filter(|(route, _)| !is_old(route)).map(|(_, hits)| hits).sum::<u64>()
    };
    let least = sum(&oracle.ledger().acknowledged);
    let there = sum(&hits_of(store).await?);
    let most = sum(&oracle.ledger().attempted);
    let is_outside = there < least || there > most;
    Ok(is_outside.then(|| format!("{there} hits, and not {least} to {most}")).into_iter().collect())
}

/// In the end, windows hold what is kept, and nothing of what is not.
async fn left(store: &Arc<dyn StatsStore>, expected: &BTreeMap<String, u64>) -> anyhow::Result<Vec<String>> {
    let there = hits_of(store).await?;
    let wrong = expected.iter().filter_map(|(route, hits)| {
        let (there, hits) = (there.get(route).copied().unwrap_or_default(), if is_old(route) { 0 } else { *hits });
        (there != hits).then(|| format!("the windows of {route} hold {there} hits, and not {hits}"))
    });
    Ok(wrong.collect())
}

fn is_old(route: &str) -> bool {
    route
        .strip_prefix("/e/")
        .and_then(|number| number.parse::<u64>().ok())
        .is_some_and(|number| number >= FIRST_OLD_ROUTE)
}

async fn hits_of(store: &Arc<dyn StatsStore>) -> anyhow::Result<BTreeMap<String, u64>> {
    let report = store.query(&StatsQuery::over(TimeRange::ALL)).await.context("the store does not answer")?;
    let hits = report.endpoints.iter().map(|row| (row.endpoint.route().as_str().to_owned(), row.summary.counts.hits()));
    Ok(hits.collect())
}
