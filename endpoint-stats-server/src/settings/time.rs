//! Durations and points in time.

use std::ops::RangeInclusive;
use std::time::Duration;

use endpoint_stats_core::window::Timestamp;

use super::SettingError;

/// Takes a number of seconds from a range.
///
/// # Errors
///
/// When it is outside, or not a number.
pub fn duration(setting: &'static str, secs: f64, range: RangeInclusive<f64>) -> Result<Duration, SettingError> {
    Duration::try_from_secs_f64(secs).ok().filter(|_| range.contains(&secs)).ok_or_else(|| {
        SettingError::new(setting, &secs.to_string(), format!("{} to {} seconds", range.start(), range.end()))
    })
}

/// Reads a number and its unit as seconds: `10s`, `5m`, `24h`, `7d`.
pub fn seconds(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    })
}

/// Reads a time: a date, RFC 3339, or `-24h` for 24 hours before `now`.
///
/// # Errors
///
/// When it is none of these.
pub fn time(setting: &'static str, text: &str, now: Timestamp) -> Result<Timestamp, SettingError> {
    let ago = text.strip_prefix('-').and_then(seconds).map(|secs| now.minus_secs(secs));
    let exact = || text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp::from_unix(time.as_second()));
    let date = || {
        let midnight = text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp::from_unix(midnight.timestamp().as_second()))
    };
    ago.or_else(exact)
        .or_else(date)
        .ok_or_else(|| SettingError::new(setting, text, "2015-05-17, 2015-05-17T10:00:00Z or -24h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);

    #[test]
    fn a_time_is_a_date_rfc_3339_or_some_time_ago() {
        assert_eq!(time("--from", "2015-05-17", NOW).unwrap().as_unix(), 1_431_820_800);
        assert_eq!(time("--from", "2015-05-17T12:05:03+02:00", NOW).unwrap().as_unix(), 1_431_857_103);
        assert_eq!(time("--from", "-24h", NOW).unwrap(), NOW.minus_secs(86_400));
        assert!(time("--from", "yesterday", NOW).is_err());
        assert!(time("--from", "-99999999999999999d", NOW).is_err());
    }

    #[test]
    fn seconds_need_a_unit() {
        assert_eq!(seconds("5m"), Some(300));
        assert_eq!(seconds("5"), None);
        assert_eq!(seconds("0s"), None);
        assert_eq!(seconds("1é"), None);
        assert_eq!(seconds(""), None);
    }
}
