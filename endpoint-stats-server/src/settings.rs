//! Settings: where the windows are kept, times and widths, and what to say when a value is wrong.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::window::{Timestamp, Width};

use crate::cli::StoreArgs;

/// Where windows are kept without a setting.
const DEFAULT_URL: &str = "sqlite://endpoint-stats.db";

/// Where the windows are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A file.
    Sqlite(PathBuf),
    /// Nowhere: they are gone when the process ends.
    Memory,
}

/// Says which setting is wrong, what it was, and what was expected. Secrets are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    setting: &'static str,
    value: String,
    expected: &'static str,
}

impl SettingError {
    /// Creates an error about a setting's value.
    pub fn new(setting: &'static str, value: &str, expected: &'static str) -> Self {
        Self { setting, value: masked(value), expected }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid value {:?} for `{}`: expected {}", self.value, self.setting, self.expected)
    }
}

impl std::error::Error for SettingError {}

/// Hides the password of a URL.
fn masked(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:***{}", &rest[user.len()..])
        }
        None => value.to_owned(),
    }
}

// === impl StoreUrl ===

impl StoreUrl {
    const EXPECTED: &str = "sqlite://FILE or memory:";

    /// Takes the URL from its flag, its variable or its file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or the URL is not one of a store.
    pub fn from_args(args: &StoreArgs) -> Result<Self, SettingError> {
        if let Some(file) = &args.database_url_file {
            let url = fs::read_to_string(file).map_err(|_| {
                SettingError::new("--database-url-file", &file.display().to_string(), "a file that can be read")
            })?;
            return Self::parse(url.trim());
        }
        Self::parse(args.database_url.as_deref().unwrap_or(DEFAULT_URL))
    }

    fn parse(url: &str) -> Result<Self, SettingError> {
        let wrong = || SettingError::new("--database-url", url, Self::EXPECTED);
        if url == "memory:" {
            return Ok(Self::Memory);
        }
        match url.strip_prefix("sqlite://") {
            Some(file) if !file.is_empty() => Ok(Self::Sqlite(PathBuf::from(file))),
            _ => Err(wrong()),
        }
    }
}

/// Reads a service's name.
///
/// # Errors
///
/// When it is not one.
pub fn service_name(name: &str) -> Result<ServiceName, SettingError> {
    ServiceName::new(name)
        .map_err(|_| SettingError::new("--service", name, "1 to 64 characters of a-z, 0-9, '-', '_' and '.'"))
}

/// Reads a window's width.
///
/// # Errors
///
/// When there are no windows of that width.
pub fn width(text: &str) -> Result<Width, SettingError> {
    Width::ALL
        .into_iter()
        .find(|width| width.to_string() == text)
        .ok_or_else(|| SettingError::new("--window", text, "10s, 1m, 1h or 1d"))
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
    fn a_url_names_a_file_or_memory() {
        assert_eq!(StoreUrl::parse("sqlite://a/b.db"), Ok(StoreUrl::Sqlite("a/b.db".into())));
        assert_eq!(StoreUrl::parse("sqlite:///tmp/b.db"), Ok(StoreUrl::Sqlite("/tmp/b.db".into())));
        assert_eq!(StoreUrl::parse("memory:"), Ok(StoreUrl::Memory));
        assert!(StoreUrl::parse("sqlite://").is_err());
    }

    #[test]
    fn a_wrong_url_is_shown_without_its_password() {
        let error = StoreUrl::parse("mysql://ada:p@ss:word@db/stats").unwrap_err();

        assert_eq!(
            error.to_string(),
            r#"invalid value "mysql://ada:***@db/stats" for `--database-url`: expected sqlite://FILE or memory:"#
        );
    }

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
