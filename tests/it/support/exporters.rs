//! What tells Prometheus about PostgreSQL and Redis; they end as [`PostgresServer`](super::postgres::PostgresServer) does.

use std::net::SocketAddr;

use super::daemon::Daemon;
use super::redis::RedisServer;

/// A running exporter on `127.0.0.1`.
#[derive(Debug)]
pub(crate) struct Exporter(Daemon);

impl Exporter {
    /// Starts postgres-exporter, which asks a database.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    pub(crate) fn of_postgres(database_url: &str, arguments: &[&str]) -> Self {
        let names = ["prometheus-postgres-exporter", "postgres_exporter"];
        Self(Daemon::start(&names, "Listening on", folder(), |command, address| {
            command.env("DATA_SOURCE_NAME", format!("{database_url}?sslmode=disable"));
            command.arg(format!("--web.listen-address={address}")).args(arguments);
        }))
    }

    /// Starts redis-exporter, which asks a server.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    pub(crate) fn of_redis(redis: &RedisServer, arguments: &[&str]) -> Self {
        let names = ["prometheus-redis-exporter", "redis_exporter"];
        Self(Daemon::start(&names, "Providing metrics at", folder(), |command, address| {
            command.args(["-redis.addr", &redis.url(), "-web.listen-address", &address.to_string()]).args(arguments);
        }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("endpoint-stats-exporter-").tempdir().unwrap()
}
