//! Which hits are read: from flags to a question.

use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::{EndpointFilter, StatsQuery};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use endpoint_stats_core::{Method, Route};

use super::Failure;
use crate::cli::SelectionArgs;
use crate::settings::{self, SettingError};

/// The question, without a series.
pub(super) fn query(args: &SelectionArgs) -> Result<StatsQuery, Failure> {
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
    Ok(StatsQuery::over(range).with_filter(filter(args)?))
}

/// A step in seconds.
pub(super) fn step_secs(step: &str) -> Result<i64, SettingError> {
    settings::seconds(step).ok_or_else(|| SettingError::new("--step", step, "10s, 5m, 1h or 1d"))
}

fn filter(args: &SelectionArgs) -> Result<EndpointFilter, Failure> {
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
