//! `report`: what was counted, as text.

use endpoint_stats_core::store::StatsQuery;

use super::{Failure, open_existing, print, selection};
use crate::cli::ReportArgs;
use crate::report::{Report, csv, json, table};

pub(super) async fn run(args: ReportArgs) -> Result<(), Failure> {
    let query = query(&args)?;
    let store = open_existing(&args.store).await?;
    let stats = store.query(&query).await.map_err(anyhow::Error::new)?;
    let endpoints = store.endpoints().await.map_err(anyhow::Error::new)?;
    let report = Report::new(&query, stats, endpoints, args.sort);
    let text = match (args.json, args.csv) {
        (true, _) => json::render(&report, args.unused).map_err(anyhow::Error::new)?,
        (_, true) => csv::render(&report, args.unused).map_err(anyhow::Error::new)?,
        _ => table::render(&report, args.limit, args.unused),
    };
    print(text);
    Ok(())
}

fn query(args: &ReportArgs) -> Result<StatsQuery, Failure> {
    let query = selection::query(&args.selection)?;
    match &args.step {
        Some(step) => Ok(query.with_step_secs(selection::step_secs(step)?)),
        None => Ok(query),
    }
}
