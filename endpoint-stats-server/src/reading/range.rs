//! Ranges of time, as a query string gives them.

use endpoint_stats_core::window::{TimeRange, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api_error::ApiError;
use crate::settings;

/// A range that begins earlier than this many years ago, or ends later, is a mistake.
pub const MAX_YEARS: i64 = 100;

const YEAR_SECS: i64 = 366 * 86_400;
const DAY_SECS: i64 = 86_400;

/// A range of time as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RangeText {
    /// RFC 3339, a date, or `-24h` for 24 hours ago; 24 hours before `to` without it.
    #[param(pattern = "^(|-[1-9][0-9]{0,8}[smhd]|[0-9]{4}-[01][0-9]-[0-3][0-9]([Tt ][0-9:.]+([Zz]|[+-][0-9:]+))?)$")]
    #[param(example = "-7d")]
    pub from: Option<String>,
    /// The same; now without it.
    #[param(pattern = "^(|-[1-9][0-9]{0,8}[smhd]|[0-9]{4}-[01][0-9]-[0-3][0-9]([Tt ][0-9:.]+([Zz]|[+-][0-9:]+))?)$")]
    pub to: Option<String>,
}

/// Reads a range, and widens it to the windows that hold it: of an hour from a day on, of a minute from an hour on,
/// else of ten seconds.
///
/// # Errors
///
/// 400 `bad_query` when a time is none, when the range is empty, or when it is absurdly long.
pub fn range(text: &RangeText, now: Timestamp) -> Result<TimeRange, ApiError> {
    let to = time_or("to", text.to.as_deref(), now, now)?;
    let from = time_or("from", text.from.as_deref(), now, to.minus_secs(DAY_SECS))?;
    if from >= to {
        return Err(ApiError::bad_query("from", "the range is empty: `from` is not before `to`"));
    }
    let (earliest, latest) = (now.minus_secs(MAX_YEARS * YEAR_SECS), now.plus_secs(MAX_YEARS * YEAR_SECS));
    for (field, is_far) in [("from", from < earliest), ("to", to > latest)] {
        if is_far {
            return Err(ApiError::bad_query(field, format!("a range lies within {MAX_YEARS} years of now")));
        }
    }
    Ok(aligned(TimeRange::new(from, to)))
}

fn time_or(field: &'static str, text: Option<&str>, now: Timestamp, default: Timestamp) -> Result<Timestamp, ApiError> {
    text.filter(|text| !text.is_empty()).map_or(Ok(default), |text| time(field, text, now))
}

/// Reads a time.
///
/// # Errors
///
/// 400 `bad_query` when it is none.
pub fn time(field: &'static str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    settings::time(field, text, now).map_err(|_| {
        ApiError::bad_query(field, format!("`{field}` is not a time"))
            .with_hint("write 2015-05-17, 2015-05-17T10:00:00Z, or -24h for 24 hours ago")
    })
}

fn aligned(range: TimeRange) -> TimeRange {
    let width = match range.to.as_unix() - range.from.as_unix() {
        DAY_SECS.. => 3_600,
        3_600.. => 60,
        _ => 10,
    };
    let down = |at: i64| at - at.rem_euclid(width);
    let up = |at: i64| down(at + width - 1);
    TimeRange::new(Timestamp::from_unix(down(range.from.as_unix())), Timestamp::from_unix(up(range.to.as_unix())))
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2023-11-14T22:13:20Z
    const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

    fn read(from: Option<&str>, to: Option<&str>) -> Result<TimeRange, ApiError> {
        range(&RangeText { from: from.map(str::to_owned), to: to.map(str::to_owned) }, NOW)
    }

    #[test]
    fn a_day_is_asked_for_in_whole_hours() {
        let range = read(None, None).unwrap();

        assert_eq!(range.from.as_unix(), 1_699_912_800);
        assert_eq!(range.to.as_unix(), 1_700_002_800);
    }

    #[test]
    fn a_short_range_is_asked_for_in_short_windows() {
        let range = read(Some("-5m"), None).unwrap();

        assert_eq!((range.from.as_unix(), range.to.as_unix()), (1_699_999_700, 1_700_000_000));
    }

    #[test]
    fn a_range_that_is_none_is_refused_by_its_field() {
        for (from, to) in [(Some("-1h"), Some("-2h")), (Some("yesterday"), None), (Some("0001-01-01"), None)] {
            assert_eq!(read(from, to).unwrap_err().code(), "bad_query");
        }
    }
}
