//! [`RedisStore`]: windows in Redis, for teams without an SQL database and for very hot counting.
//!
//! A batch is taken by one script: it moves the writer's mark and appends the batch to a list. No two writers touch the
//! same row, and the script takes as long as copying the batch. Once a second one of the processes *settles* what has
//! arrived: it merges the batches into windows, in a change that follows the version it was made of and is made whole or
//! not at all. Answers add up windows and arrivals of one version, so a batch counts from the moment it is taken.
//!
//! # What is promised
//!
//! As much as Redis keeps. With `appendfsync always` an acknowledged batch is on the disk; with `everysec` a power cut
//! costs the last seconds, a killed process nothing; a failover to a replica costs what was not copied. A Redis that has
//! a shorter past than it told answers with a gap: the store then sends the acknowledged batches of the last moments
//! again (16 of each writer, 8 MB in all), and what cannot follow its own past goes on under a new name.
//!
//! Redis must not evict: a `maxmemory-policy` other than `noeviction` is refused. On a cluster, writers are spread over 16
//! hash slots; a batch and its mark are always on one node.

mod apply;
mod change;
mod channel;
pub(super) mod connections;
mod damaged;
pub(super) mod error;
#[cfg(feature = "test-util")]
pub(crate) mod fuzzed;
mod keys;
mod options;
mod policy;
mod read;
mod replay;
mod roll_up;
mod rows;
mod settle;
mod shared;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use tracing::Instrument;

pub(crate) use self::channel::{Channel, ChannelError};
pub use self::options::RedisOptions;

use self::apply::Taking;
use self::error::Failure;
use self::keys::Keys;
use self::shared::Shared;
use super::settler;
use super::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError, WriterId,
    WriterState,
};
use crate::endpoint::Endpoint;
use crate::window::Timestamp;

/// Hash slots that the writers of a cluster are spread over.
const SHARDS_OF_A_CLUSTER: usize = 16;

/// Keeps windows in Redis or Redis Cluster; clones share its connections. See the [module](self).
///
/// Every call runs in a task of its own, so a future that is dropped cuts nothing in half, and a connection that was cut
/// is thrown away.
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
}

impl RedisStore {
    /// How long windows are kept in Redis, where room is dear: 10 s for an hour, a minute for a day, an hour for 30 days,
    /// a day for 400.
    pub const RETENTION: Retention = Retention {
        ten_seconds_secs: 3_600,
        minute_secs: 86_400,
        hour_secs: 30 * 86_400,
        day_secs: Some(400 * 86_400),
    };

    /// Connects to a Redis, or a Redis Cluster.
    ///
    /// # Errors
    ///
    /// `Unavailable` when it cannot be reached; `Rejected` when it would evict counts.
    pub async fn connect(options: RedisOptions) -> Result<Self, StoreError> {
        let place = options.place();
        let shards = if options.is_cluster() { SHARDS_OF_A_CLUSTER } else { 1 };
        let shards = (0..shards).map(|shard| Keys::of(&options.namespace, shard)).collect();
        let opened = Shared::open(options, shards, place.clone()).await;
        let shared = Arc::new(opened.map_err(|failure| failure.while_trying("open the store", &place))?);
        let store = Self { shared: Arc::clone(&shared) };
        store.spawn("open the store", async move { shared.check_policy().await }).await?;
        Ok(store)
    }

    /// Does some work in a task of its own.
    async fn spawn<T, W>(&self, what: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let done = tokio::spawn(work.in_current_span()).await;
        let done = done.unwrap_or_else(|_| Err(Failure::NoAnswer("the task ended without an answer")));
        done.map_err(|failure| failure.while_trying(what, &self.shared.place))
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

#[async_trait]
impl StatsStore for RedisStore {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let (shared, taking) = (self.shared(), Taking::of(batch));
        let applied = self.spawn("write a batch", async move { shared.apply(taking).await }).await?;
        // A duplicate was taken when its reply got lost.
        if matches!(applied, Applied::Applied | Applied::Duplicate) {
            settler::soon(&self.shared);
        }
        Ok(applied)
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        let shared = self.shared();
        self.spawn("read a writer", async move { shared.writer(writer).await }).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        let (shared, query) = (self.shared(), query.clone());
        self.spawn("answer a question", async move { shared.query(&query).await }).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        let (shared, endpoints) = (self.shared(), endpoints.iter().cloned().collect());
        self.spawn("register endpoints", async move { shared.register(endpoints, at).await }).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        let shared = self.shared();
        self.spawn("read endpoints", async move { shared.endpoints().await }).await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        let (shared, retention) = (self.shared(), *retention);
        self.spawn("roll up", async move { shared.roll_up(now, &retention).await }).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        let shared = self.shared();
        self.spawn("find out whether the store is well", async move { shared.health().await }).await
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("place", &self.shared.place).finish_non_exhaustive()
    }
}
