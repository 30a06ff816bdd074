//! [`StoreUrl`]: where the windows are kept, and what stands in front of it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use endpoint_stats_core::store::postgres::PostgresOptions;
use endpoint_stats_core::store::redis::{RedisOptions, RedisStore};
use endpoint_stats_core::store::{Retention, StoreError};

use super::{SettingError, masked};
use crate::cli::{RedisArgs, StoreArgs};

/// Where windows are kept without a setting.
const DEFAULT_URL: &str = "sqlite://endpoint-stats.db";

/// The URL of a store, as it was given; shown without its password.
#[derive(Clone)]
pub struct DatabaseUrl(String);

/// Where the windows are kept.
#[derive(Clone, Debug)]
pub enum StoreUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A database that many processes share.
    Postgres(Box<PostgresOptions>),
    /// A Redis or Redis Cluster that many processes share.
    Redis(Box<RedisOptions>),
    /// Nowhere: they are gone when the process ends.
    Memory,
}

// === impl DatabaseUrl ===

impl FromStr for DatabaseUrl {
    type Err = std::convert::Infallible;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&masked(&self.0)).finish()
    }
}

// === impl StoreUrl ===

impl StoreUrl {
    const EXPECTED: &str = "sqlite://FILE, postgres://USER@HOST/DATABASE, redis://HOST/DATABASE or memory:";

    /// Takes the URL from its flag, its variable or its file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or the URL is not one of a store.
    pub fn from_args(args: &StoreArgs) -> Result<Self, SettingError> {
        check_secret("--database-password-file", args.database_password_file.as_deref())?;
        let url = match &args.database_url_file {
            Some(file) => from_file("--database-url-file", file)?,
            None => args.database_url.as_ref().map_or(DEFAULT_URL, |url| &url.0).to_owned(),
        };
        Ok(match Self::parse(url.trim())? {
            Self::Postgres(options) => Self::Postgres(Box::new(postgres_with_args(*options, args))),
            Self::Redis(options) => Self::Redis(Box::new(redis_with_args(*options, args))),
            store => store,
        })
    }

    fn parse(url: &str) -> Result<Self, SettingError> {
        let wrong = |expected| SettingError::new("--database-url", url, expected);
        match url.split_once("://") {
            None if url == "memory:" => Ok(Self::Memory),
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(PathBuf::from(file))),
            Some(("postgres" | "postgresql", address)) => {
                postgres(url, address).map(|options| Self::Postgres(Box::new(options))).map_err(wrong)
            }
            Some((scheme, _)) if is_redis(scheme) => {
                redis(url).map(|options| Self::Redis(Box::new(options))).map_err(wrong)
            }
            _ => Err(wrong(Self::EXPECTED.to_owned())),
        }
    }

    /// Where the secret of callers is without a setting: beside the file that it is for.
    pub fn caller_secret_file(&self) -> Option<PathBuf> {
        let Self::Sqlite(file) = self else { return None };
        let mut name = file.clone().into_os_string();
        name.push(".caller-secret");
        Some(name.into())
    }

    /// How long windows are kept there.
    pub fn retention(&self) -> Retention {
        match self {
            Self::Redis(_) => RedisStore::RETENTION,
            Self::Sqlite(_) | Self::Postgres(_) | Self::Memory => Retention::default(),
        }
    }
}

/// The Redis in front of the store, if there is one.
///
/// # Errors
///
/// When the file cannot be read, or the URL is not one of Redis.
pub fn cache(args: &RedisArgs) -> Result<Option<RedisOptions>, SettingError> {
    check_secret("--redis-password-file", args.redis_password_file.as_deref())?;
    let url = match (&args.redis_url, &args.redis_url_file) {
        (Some(url), _) => url.0.clone(),
        (None, Some(file)) => from_file("--redis-url-file", file)?,
        (None, None) => return Ok(None),
    };
    let options = redis(url.trim()).map_err(|expected| SettingError::new("--redis-url", url.trim(), expected))?;
    Ok(Some(match &args.redis_password_file {
        Some(file) => options.with_password_file(file),
        None => options,
    }))
}

/// What a file holds; an empty one is a mistake.
fn from_file(setting: &'static str, file: &Path) -> Result<String, SettingError> {
    let wrong = |expected| SettingError::new(setting, &file.display().to_string(), expected);
    let text = fs::read_to_string(file).map_err(|_| wrong("a file that can be read"))?;
    if text.trim().is_empty() { Err(wrong("a file that is not empty")) } else { Ok(text) }
}

/// A password is read anew for each connection; whether there is one is known at the start.
fn check_secret(setting: &'static str, file: Option<&Path>) -> Result<(), SettingError> {
    file.map_or(Ok(()), |file| from_file(setting, file).map(drop))
}

fn is_redis(scheme: &str) -> bool {
    ["redis", "rediss", "redis+unix", "redis-cluster", "rediss-cluster"].contains(&scheme)
}

fn redis_with_args(options: RedisOptions, args: &StoreArgs) -> RedisOptions {
    let options = options.with_max_connections(u16::from(args.database_connections).into());
    match &args.database_password_file {
        Some(file) => options.with_password_file(file),
        None => options,
    }
}

/// The options of a URL, or what was expected instead of it.
fn redis(url: &str) -> Result<RedisOptions, String> {
    RedisOptions::from_url(url)
        .map_err(|error| format!("redis://USER:PASSWORD@HOST:PORT/DATABASE or redis-cluster://…{}", cause(&error)))
}

fn cause(error: &StoreError) -> String {
    std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default()
}

fn postgres_with_args(options: PostgresOptions, args: &StoreArgs) -> PostgresOptions {
    let options = options.with_max_connections(u16::from(args.database_connections).into());
    match &args.database_password_file {
        Some(file) => options.with_password_file(file),
        None => options,
    }
}

/// The options of a URL, or what was expected instead of it.
fn postgres(url: &str, address: &str) -> Result<PostgresOptions, String> {
    // What stands behind the first @ would be taken as the host, and shown.
    if address.split('?').next().unwrap_or_default().matches('@').count() > 1 {
        return Err("@ in a user or password as %40".to_owned());
    }
    PostgresOptions::from_url(url)
        .map_err(|error| format!("postgres://USER:PASSWORD@HOST:PORT/DATABASE{}", cause(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_error(url: &str) -> String {
        StoreUrl::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn a_url_names_a_file_a_database_or_memory() {
        let file = |url| match StoreUrl::parse(url) {
            Ok(StoreUrl::Sqlite(file)) => file,
            other => panic!("{url}: {other:?}"),
        };

        assert_eq!(file("sqlite://a/b.db"), PathBuf::from("a/b.db"));
        assert_eq!(file("sqlite:///tmp/b.db"), PathBuf::from("/tmp/b.db"));
        assert!(matches!(StoreUrl::parse("memory:"), Ok(StoreUrl::Memory)));
        assert!(matches!(StoreUrl::parse("postgres://ann@db/stats"), Ok(StoreUrl::Postgres(_))));
        assert!(matches!(StoreUrl::parse("postgresql://db:5433,db2/stats"), Ok(StoreUrl::Postgres(_))));
        assert!(matches!(StoreUrl::parse("rediss://cache:6380/1"), Ok(StoreUrl::Redis(_))));
        assert!(matches!(StoreUrl::parse("redis-cluster://a:1,b:2"), Ok(StoreUrl::Redis(_))));
        assert!(StoreUrl::parse("sqlite://").is_err());
    }

    #[test]
    fn a_wrong_url_is_shown_without_its_password() {
        assert_eq!(
            parse_error("mysql://ada:p@ss:word@db/stats"),
            "invalid value \"mysql://ada:***@db/stats\" for `--database-url`: expected sqlite://FILE, \
             postgres://USER@HOST/DATABASE, redis://HOST/DATABASE or memory:"
        );
        assert!(parse_error("postgres://db/stats?sslmode=maybe").contains("(sslmode is `maybe`;"));
    }

    #[test]
    fn a_password_that_is_written_wrongly_is_not_shown_either() {
        for url in [
            "postgres://ada:s3cr@t@db/stats",
            "postgres://ada:x@s3cr@t@db/stats",
            "postgres://ada:s3cr?t@db/stats",
            "postgres://ada:x/s3cr#t@db/stats",
            "postgres://ada:s3cr/stats",
            "postgres://db:port/stats?password=s3cr%20t",
            "host=db password='a s3cr t' user=ada",
            "mysql://ada:s3cr/t@db",
            "redis://ada:s3cr@cache:port",
        ] {
            let shown = StoreUrl::parse(url).map_err(|error| error.to_string());
            assert!(!format!("{shown:?}").contains("s3cr"), "{shown:?}");
            assert!(!format!("{:?}", url.parse::<DatabaseUrl>().unwrap()).contains("s3cr"), "{url}");
        }
    }
}
