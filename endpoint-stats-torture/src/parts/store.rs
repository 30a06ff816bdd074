//! [`Database`]: a real store that can be killed.

use std::fs;
use std::iter::once;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use endpoint_stats_core::store::PostgresStore;
use endpoint_stats_core::store::postgres::PostgresOptions;
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::support::guardian::signal_if_there;
use crate::support::postgres::PostgresServer;
use crate::support::redis::RedisServer;

/// The kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    Redis,
}

/// A store in a temporary folder.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres(PostgresServer),
    Redis(RedisServer),
}

// === impl Database ===

impl Database {
    /// Starts one that has on its disk what it acknowledges.
    pub(crate) async fn start(kind: Kind) -> anyhow::Result<Self> {
        let started = Self::start_empty(kind)?;
        if let Self::Postgres(server) = &started {
            PostgresStore::migrate(PostgresOptions::from_url(&server.url())?).await?;
        }
        Ok(started)
    }

    /// The same, without tables.
    pub(crate) fn start_empty(kind: Kind) -> anyhow::Result<Self> {
        Ok(match kind {
            Kind::Sqlite => Self::Sqlite(tempfile::Builder::new().prefix("endpoint-stats-torture-").tempdir()?),
            Kind::Postgres => Self::Postgres(block_in_place(|| {
                PostgresServer::builder().durable().setting("max_connections", "100").start()
            })),
            Kind::Redis => {
                Self::Redis(block_in_place(|| RedisServer::builder().setting("appendfsync", "always").start()))
            }
        })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(_) => format!("sqlite://{}", self.file().display()),
            Self::Postgres(server) => server.url(),
            Self::Redis(server) => server.url(),
        }
    }

    /// The same, by way of a proxy.
    pub(crate) fn url_by_way_of(&self, proxy: SocketAddr) -> String {
        match self.address() {
            Some(address) => self.url().replace(&format!(":{}/", address.port()), &format!(":{}/", proxy.port())),
            None => self.url(),
        }
    }

    /// Where it listens, if it does.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(server) => Some(([127, 0, 0, 1], server.port()).into()),
            Self::Redis(server) => Some(server.addr()),
        }
    }

    /// Kills it with SIGKILL; a file has no process.
    pub(crate) fn kill_9(&mut self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(server) => block_in_place(|| server.kill_9()),
            Self::Redis(server) => block_in_place(|| server.kill_9()),
        }
    }

    /// Ends it so that its next start has to recover.
    pub(crate) fn stop_immediately(&mut self) {
        match self {
            Self::Postgres(server) => block_in_place(|| server.kill_immediately()),
            Self::Sqlite(_) | Self::Redis(_) => self.kill_9(),
        }
    }

    /// Sends every process of it a signal.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let first = match self {
            Self::Sqlite(_) => return Ok(()),
            Self::Postgres(server) => server.postmaster_pid(),
            Self::Redis(server) => server.pid(),
        };
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children"))?;
        let children = children.split_whitespace().filter_map(|process| process.parse().ok());
        // A child may have ended meanwhile.
        block_in_place(|| once(first).chain(children).for_each(|process| signal_if_there(name, process)));
        Ok(())
    }

    /// Starts it again, with the data it had.
    pub(crate) fn start_again(&mut self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(server) => block_in_place(|| server.start_again()),
            Self::Redis(server) => block_in_place(|| server.start_again()),
        }
    }

    fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("stats.db"),
            Self::Postgres(_) | Self::Redis(_) => PathBuf::new(),
        }
    }
}
