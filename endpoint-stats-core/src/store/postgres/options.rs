//! [`PostgresOptions`]: where the database is, and who asks.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::config::SslMode;

use super::tls::Verify;
use crate::store::{StoreError, StoreErrorKind};

/// The schema that holds the tables; it is made by the first migration.
pub(super) const SCHEMA: &str = "endpoint_stats";

/// Limits that the server itself keeps, so that a call that nobody waits for any more ends too; and a plan for each
/// question, since one for all ranges suits none.
const SERVER_SETTINGS: &str = "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s \
                               -c plan_cache_mode=force_custom_plan";

/// Where a PostgreSQL database is, and how to reach it.
///
/// ```
/// use endpoint_stats_core::store::postgres::PostgresOptions;
///
/// let options = PostgresOptions::from_url("postgres://writer@db.example:5432/stats?sslmode=verify-full")?
///     .with_password_file("/run/secrets/database-password")
///     .with_max_connections(4);
/// # Ok::<(), endpoint_stats_core::store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) config: tokio_postgres::Config,
    pub(super) password_file: Option<PathBuf>,
    pub(super) verify: Verify,
    pub(super) root_certificate: Option<PathBuf>,
    pub(super) max_connections: u32,
    place: String,
}

impl PostgresOptions {
    /// Takes a URL, `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…`.
    ///
    /// `sslmode` is `disable`, `prefer` (the default), `require`, `verify-ca` or `verify-full`; the last two, and
    /// `require` with a root certificate, hold the server's certificate against `sslrootcert`, or the system's roots.
    /// Without a password in the URL, `PGPASSWORD` is used; without a user, `PGUSER`.
    ///
    /// # Errors
    ///
    /// `Rejected` when this is not such a URL.
    pub fn from_url(url: &str) -> Result<Self, StoreError> {
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let mut verify = Verify::Nothing;
        let mut mode = SslMode::Prefer;
        let mut root_certificate = None;
        let mut kept = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => (mode, verify) = ssl_mode(value)?,
                Some(("sslrootcert", path)) => root_certificate = Some(decoded_path(path)?),
                _ => kept.push(parameter),
            }
        }
        if root_certificate.is_some() && mode == SslMode::Require && verify == Verify::Nothing {
            verify = Verify::Chain;
        }
        let mut config: tokio_postgres::Config = format!("{address}?{}", kept.join("&"))
            .trim_end_matches('?')
            .parse()
            .map_err(|error: tokio_postgres::Error| not_a_url().with_source(error))?;
        config.ssl_mode(mode);
        let options = [config.get_options().unwrap_or_default(), SERVER_SETTINGS, "-c search_path="].join(" ") + SCHEMA;
        config.options(options.trim());
        config.connect_timeout(Duration::from_secs(5)).tcp_user_timeout(Duration::from_secs(10));
        if config.get_application_name().is_none() {
            config.application_name("endpoint-stats");
        }
        if config.get_user().is_none() {
            config.user(std::env::var("PGUSER").unwrap_or_else(|_| "postgres".to_owned()));
        }
        if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
            config.password(password);
        }
        if config.get_hosts().is_empty() {
            return Err(not_a_url());
        }
        Ok(Self { place: place(&config), config, password_file: None, verify, root_certificate, max_connections: 8 })
    }

    /// Reads the password from a file, anew for each connection: a password that is changed there needs no restart.
    #[must_use]
    pub fn with_password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password_file = Some(path.into());
        self
    }

    /// How many connections to hold at most. Defaults to 8.
    #[must_use]
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// The server and database, without user and password.
    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions").field("place", &self.place).finish_non_exhaustive()
    }
}

fn ssl_mode(value: &str) -> Result<(SslMode, Verify), StoreError> {
    match value {
        "disable" => Ok((SslMode::Disable, Verify::Nothing)),
        "allow" | "prefer" => Ok((SslMode::Prefer, Verify::Nothing)),
        "require" => Ok((SslMode::Require, Verify::Nothing)),
        "verify-ca" => Ok((SslMode::Require, Verify::Chain)),
        "verify-full" => Ok((SslMode::Require, Verify::ChainAndName)),
        _ => Err(not_a_url()
            .with_source(format!("sslmode is `{value}`; expected disable, prefer, require, verify-ca or verify-full"))),
    }
}

fn decoded_path(encoded: &str) -> Result<PathBuf, StoreError> {
    let path = percent_encoding::percent_decode_str(encoded).decode_utf8();
    let path = path.map_err(|error| not_a_url().with_source(error))?;
    Ok(Path::new(&*path).to_path_buf())
}

fn not_a_url() -> StoreError {
    StoreError::new(
        StoreErrorKind::Rejected,
        "read the database's address: expected postgres://user:password@host:port/database",
    )
}

fn place(config: &tokio_postgres::Config) -> String {
    use tokio_postgres::config::Host;

    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(i, host)| {
        let port = ports.get(i).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => path.display().to_string(),
        }
    });
    let hosts: Vec<_> = hosts.collect();
    format!("postgres at {}/{}", hosts.join(","), config.get_dbname().or(config.get_user()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_in_no_message() {
        let options = PostgresOptions::from_url("postgres://ann:secret@db:5433/stats").unwrap();

        assert_eq!(options.place(), "postgres at db:5433/stats");
        assert!(!format!("{options:?}").contains("secret"));
        let error = PostgresOptions::from_url("postgres://ann:secret@db:port/stats").unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(!format!("{error} {source}").contains("secret"));
    }

    #[test]
    fn sslmode_and_root_certificate_are_taken_from_the_url() {
        let full = PostgresOptions::from_url("postgres://db/stats?sslmode=verify-full&sslrootcert=/a%20b.pem").unwrap();

        assert_eq!((full.config.get_ssl_mode(), full.verify), (SslMode::Require, Verify::ChainAndName));
        assert_eq!(full.root_certificate.as_deref(), Some(Path::new("/a b.pem")));
        let with_root = PostgresOptions::from_url("postgres://db/stats?sslmode=require&sslrootcert=/a.pem").unwrap();
        assert_eq!(with_root.verify, Verify::Chain);
        let plain = PostgresOptions::from_url("postgres://db/stats?sslmode=disable&connect_timeout=3").unwrap();
        assert_eq!(plain.config.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_was_expected() {
        for url in ["", "db", "mysql://db/stats", "postgres://db/stats?sslmode=maybe"] {
            let error = PostgresOptions::from_url(url).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Rejected, "{url}");
            assert!(error.to_string().contains("expected postgres://"), "{url}");
        }
    }
}
