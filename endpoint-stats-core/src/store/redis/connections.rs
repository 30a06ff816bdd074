//! [`Connections`]: to one Redis by a pool, to a cluster by its client.

use std::time::Duration;

use bb8::ManageConnection;
use bb8_redis::RedisConnectionManager;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisFuture, Value};

use super::error::Failure;
use super::options::RedisOptions;
use crate::store::pool::{Limits, Loan, Manage, Pool};

/// Where commands go.
pub(in crate::store) enum Connections {
    Single(Pool<Manager>),
    Cluster(ClusterConnection),
}

/// A connection on loan, or the cluster's.
pub(in crate::store) enum Connection {
    Single(Loan<Manager>),
    Cluster(ClusterConnection),
}

/// Makes connections, each with the password of that moment.
///
/// bb8-redis makes them with limits of its own and never calls one broken, so only its check is used.
pub(in crate::store) struct Manager {
    options: RedisOptions,
    checker: RedisConnectionManager,
}

impl Connections {
    /// Connects; `name` is what the pool is called in metrics.
    pub(in crate::store) async fn new(name: &'static str, options: RedisOptions) -> Result<Self, Failure> {
        if options.is_cluster() {
            return Ok(Self::Cluster(cluster(&options).await?));
        }
        let limits = Limits { name, connections: options.max_connections, wait: options.answer_within };
        let first = options.nodes().await?.swap_remove(0);
        let manager = Manager { checker: RedisConnectionManager::new(first)?, options };
        Ok(Self::Single(Pool::new(manager, limits).await?))
    }

    /// A connection. One that is not [given back](Connection::give_back) is thrown away.
    pub(in crate::store) async fn get(&self) -> Result<Connection, Failure> {
        match self {
            Self::Single(pool) => {
                let mut connection = pool.get().await?;
                connection.spend();
                Ok(Connection::Single(connection))
            }
            Self::Cluster(connection) => Ok(Connection::Cluster(connection.clone())),
        }
    }
}

async fn cluster(options: &RedisOptions) -> Result<ClusterConnection, Failure> {
    let mut builder = ClusterClientBuilder::new(options.nodes().await?)
        .tcp_settings(redis::io::tcp::TcpSettings::default().set_nodelay(true))
        .connection_timeout(options.answer_within.min(Duration::from_secs(1)))
        .response_timeout(options.answer_within)
        .overall_response_timeout(Some(options.answer_within))
        // A node that is replaced answers "moved" or "cluster down" for a while.
        .retries(4)
        .retry_wait_formula(5, 3)
        .min_retry_wait(20)
        .max_retry_wait(300);
    if let Some(certificates) = options.certificates().await? {
        builder = builder.certs(certificates);
    }
    Ok(builder.build()?.get_async_connection().await?)
}

impl Connection {
    /// Keeps the connection for others, if what it was used for came to its end.
    pub(in crate::store) fn give_back<T>(mut self, done: Result<T, Failure>) -> Result<T, Failure> {
        if let (Self::Single(connection), false) = (&mut self, done.as_ref().is_err_and(Failure::spoils_connection)) {
            connection.keep();
        }
        done
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

impl Manage for Manager {
    type Connection = MultiplexedConnection;
    type Error = Failure;

    async fn connect(&self) -> Result<MultiplexedConnection, Failure> {
        let node = self.options.nodes().await?.swap_remove(0);
        let client = match self.options.certificates().await? {
            Some(certificates) => Client::build_with_tls(node, certificates),
            None => Client::open(node),
        };
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.answer_within))
            .set_response_timeout(Some(self.options.answer_within));
        let connected = client.map_err(Failure::from)?.get_multiplexed_async_connection_with_config(&limits).await;
        connected.map_err(|error| Failure::Connect(error.to_string()))
    }

    async fn check(&self, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
        Ok(self.checker.is_valid(connection).await?)
    }

    fn refusal(error: &Failure) -> Option<String> {
        match error {
            Failure::Connect(reason) => Some(reason.clone()),
            // It can be reached, and answers nobody: it loads, is busy, or wants a password.
            Failure::Redis(error) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => {
                Some(error.to_string())
            }
            _ => None,
        }
    }
}
