//! `report`: what was counted, as text.

use std::io::Write;

use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::{EndpointFilter, StatsQuery};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use endpoint_stats_core::{Method, Route};

use super::{Failure, open};
use crate::cli::{ReportArgs, StoreArgs};
use crate::report::{Report, csv, json, table};
use crate::settings::{self, SettingError, StoreUrl};

pub(super) async fn run(args: ReportArgs) -> Result<(), Failure> {
    let query = query(&args)?;
    check_file(&args.store)?;
    let store = open(&args.store).await?;
    let stats = store.query(&query).await.map_err(anyhow::Error::new)?;
    let endpoints = store.endpoints().await.map_err(anyhow::Error::new)?;
    let report = Report::new(&query, stats, endpoints, args.sort);
    let text = match (args.json, args.csv) {
        (true, _) => json::render(&report, args.unused).map_err(anyhow::Error::new)?,
        (_, true) => csv::render(&report, args.unused).map_err(anyhow::Error::new)?,
        _ => table::render(&report, args.limit, args.unused),
    };
    // Whoever closed the pipe does not want to read on.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// A report makes no file.
fn check_file(args: &StoreArgs) -> Result<(), Failure> {
    match StoreUrl::from_args(args)? {
        StoreUrl::Sqlite(file) if !file.exists() => {
            let url = format!("sqlite://{}", file.display());
            Err(SettingError::new("--database-url", &url, "a file that exists").into())
        }
        _ => Ok(()),
    }
}

fn query(args: &ReportArgs) -> Result<StatsQuery, Failure> {
    let now = SystemClock.now();
    let time = |setting, text: &Option<String>, otherwise: Timestamp| match text {
        Some(text) => settings::time(setting, text, now),
        None => Ok(otherwise),
    };
    let range =
        TimeRange::new(time("--from", &args.from, TimeRange::ALL.from)?, time("--to", &args.to, TimeRange::ALL.to)?);
    if range.is_empty() {
        let given = args.from.as_deref().or(args.to.as_deref()).unwrap_or_default();
        return Err(SettingError::new("--from", given, "a time before --to").into());
    }
    let query = StatsQuery::over(range).with_filter(filter(args)?);
    let Some(step) = &args.step else {
        return Ok(query);
    };
    match settings::seconds(step) {
        Some(secs) => Ok(query.with_step_secs(secs)),
        None => Err(SettingError::new("--step", step, "10s, 5m, 1h or 1d").into()),
    }
}

fn filter(args: &ReportArgs) -> Result<EndpointFilter, Failure> {
    Ok(EndpointFilter {
        service: args.service.as_deref().map(settings::service_name).transpose()?,
        method: args.method.as_deref().map(|name| Method::from_bytes(name.as_bytes())),
        route: args
            .route
            .as_deref()
            .map(|route| Route::new(route).map_err(|_| SettingError::new("--route", route, "1 to 512 bytes")))
            .transpose()?,
    })
}
