//! [`Watched`]: servers on one database and one cache, as in a cluster.

use std::net::SocketAddr;

use tempfile::TempDir;

use crate::command::Server;
use crate::support::certificates::issue;
use crate::support::postgres::PostgresServer;
use crate::support::prometheus::{Builder, Prometheus};
use crate::support::redis::RedisServer;
use crate::token::Tokens;

/// Servers on one database and one cache; their metrics are on a port of their own.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) servers: Vec<Server>,
    pub(super) metrics: Vec<SocketAddr>,
    pub(super) database_url: String,
    pub(super) postgres: PostgresServer,
    pub(super) redis: RedisServer,
    // They are read while the servers run.
    _files: (Tokens, TempDir),
}

impl Watched {
    /// Starts so many servers, to which everybody may send, and which have tokens, a certificate and a spool.
    pub(super) fn start(servers: usize) -> Self {
        let (postgres, redis) = (PostgresServer::start(), cache());
        let (tokens, folder) = (Tokens::new(), tempfile::tempdir().unwrap());
        tokens.create("nobody", &["--scope", "read"]);
        let certificate = issue(folder.path()).server.display().to_string();
        let (database_url, cache_url) = (postgres.create_database("stats"), redis.url());
        let settings = ["--migrate", "--flush-secs", "0.1", "--without-token", "everything"];
        let files = ["--tokens-file", &tokens.file(), "--watch-certificate", &certificate];
        let addresses = ["--admin-listen", "127.0.0.1:0", "--redis-url", &cache_url];
        let start = |server: usize| {
            let spool = folder.path().join(format!("spool-{server}")).display().to_string();
            Server::start_at(&database_url, &[&settings[..], &files, &addresses, &["--spool-folder", &spool]].concat())
        };
        let servers: Vec<_> = (0..servers).map(start).collect();
        let metrics = servers.iter().map(|server| server.wait_for_address("health and metrics on")).collect();
        Self { servers, metrics, database_url, postgres, redis, _files: (tokens, folder) }
    }

    /// Begins a Prometheus that scrapes the servers.
    pub(super) fn prometheus(&self) -> Builder {
        Prometheus::builder().job("endpoint-stats", &self.metrics)
    }
}

/// As the package sets one up: with a limit of memory, and keys that go when it is reached.
fn cache() -> RedisServer {
    RedisServer::builder().setting("maxmemory", "64mb").setting("maxmemory-policy", "allkeys-lru").start()
}
