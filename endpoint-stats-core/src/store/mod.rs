//! Where windows are kept: the contract of every store.
//!
//! A [`StatsStore`] takes [`Batch`]es of [`Delta`](crate::aggregate::Delta)s and answers questions about what they
//! add up to. Its promises, which `conformance` holds as tests that every store runs:
//!
//! - **Exactly once.** A writer numbers its batches 1, 2, 3, …. The batch after the last applied one is applied;
//!   one that was applied before is a [`Duplicate`](Applied::Duplicate) and changes nothing; one that skips a
//!   number is a [`Gap`](Applied::Gap) and changes nothing. The same number with other content is an error of kind
//!   [`Conflict`](StoreErrorKind::Conflict). A writer that the store does not know starts at 1.
//! - **All or nothing.** The mark of the batch and its counts are durable together before `apply` returns, and not
//!   at all when it returns an error of another kind than [`Unavailable`](StoreErrorKind::Unavailable). After
//!   `Unavailable` nobody knows: send the same batch again.
//! - **Cancel safe.** Dropping a future of the store leaves it as if the call had ended or had never been made.
//! - **Forgetting.** A writer is remembered for as long as its last batch [says](Batch::remembered_for), and longer while
//!   there are few. A forgotten writer is one that the store does not know.
//! - **Sums stay.** Rolling up moves counts into wider windows and changes no sum. Only [`Retention`] deletes.

#[cfg(any(test, feature = "test-util"))]
mod around;
mod batch;
#[cfg(any(feature = "postgres", feature = "redis", feature = "remote", feature = "spool"))]
mod batch_encoding;
#[cfg(feature = "remote")]
mod batch_message;
#[cfg(feature = "redis")]
pub mod cached;
#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod encoded_rows;
mod error;
mod gained;
mod listening;
#[cfg(feature = "redis")]
pub mod live;
mod memory;
#[cfg(any(feature = "redis", feature = "remote"))]
mod message;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod plan;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod pool;
#[cfg(feature = "postgres")]
pub mod postgres;
mod query;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "remote")]
pub mod remote;
#[cfg(any(feature = "postgres", feature = "remote"))]
mod roots;
#[cfg(any(feature = "redis", feature = "remote", feature = "spool"))]
mod sealed;
#[cfg(any(feature = "postgres", feature = "redis", feature = "remote"))]
mod secret_file;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod settler;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod span;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod traced;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod window_counts;

#[cfg(any(test, feature = "test-util"))]
pub use around::Around;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) use batch::judge;
pub use batch::{Batch, WriterId};
pub(crate) use batch::{Judgement, WriterMark};
#[cfg(feature = "spool")]
pub(crate) use batch_encoding::{decode_deltas, encode_deltas};
#[cfg(feature = "remote")]
pub use batch_message::InvalidBatch;
#[cfg(feature = "redis")]
pub use cached::CachedStore;
pub use error::{StoreError, StoreErrorKind};
pub use listening::{Listener, ListeningStore};
pub use memory::MemoryStore;
#[cfg(any(feature = "redis", feature = "remote"))]
pub use message::Message;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use query::{EndpointFilter, EndpointReport, EndpointStatus, SeriesPoint, StatsQuery, StatsReport, Summary};
#[cfg(feature = "redis")]
pub use redis::RedisStore;
#[cfg(feature = "remote")]
pub use remote::RemoteStore;
#[cfg(feature = "spool")]
pub(crate) use sealed::{CHECKSUM, opened, seal};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use traced::TracedStore;

use std::sync::Arc;

use async_trait::async_trait;

use crate::endpoint::Endpoint;
use crate::window::{Timestamp, Width};

/// Writers that are remembered whatever their time: more than ever write to one store at once, should its clock be wrong.
pub(crate) const WRITERS_KEPT: u16 = 10_000;

/// Keeps windows: the one contract of memory, SQLite and every other store.
#[async_trait]
pub trait StatsStore: Send + Sync + std::fmt::Debug {
    /// Adds a batch, once.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the outcome is unknown or the store cannot be reached; `Rejected` when the store will
    /// never take this batch; `Conflict` when it has another batch under the same number.
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError>;

    /// What the store remembers of a writer.
    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError>;

    /// Answers a question over a range of time.
    ///
    /// Windows that lie only partly in the range count whole, see [`StatsReport::covered`].
    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError>;

    /// Makes endpoints known before their first hit, so that those never called can be told.
    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError>;

    /// Every known endpoint: registered, first seen, last called; in the order of their names.
    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError>;

    /// Moves counts from windows past their retention into the next wider tier, and deletes what is past the
    /// retention of days.
    ///
    /// Works in bounded steps; stops early without harm.
    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError>;

    /// Finds out whether the store would take a batch now.
    async fn health(&self) -> Result<(), StoreError>;
}

/// A store that others hold too.
#[async_trait]
impl<S: StatsStore + ?Sized> StatsStore for Arc<S> {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        (**self).apply(batch).await
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        (**self).writer(writer).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        (**self).query(query).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        (**self).register(endpoints, at).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        (**self).endpoints().await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        (**self).roll_up(now, retention).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        (**self).health().await
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "`Applied` is what the contract calls it")]
pub enum Applied {
    /// It was added.
    Applied,
    /// It had been added before; nothing changed.
    Duplicate,
    /// Batches before it are missing; nothing changed.
    Gap {
        /// The last batch of this writer that the store has, 0 when it has none.
        last_seq: u64,
    },
}

/// What a store remembers of a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterState {
    /// The number of the last batch that was applied.
    pub last_seq: u64,
    /// What that batch carried as its checkpoint.
    pub checkpoint: Option<Vec<u8>>,
}

/// How long the windows of each width are kept before they move to the next wider one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit belongs to the name")]
pub struct Retention {
    /// Seconds that windows of 10 seconds are kept. Defaults to 6 hours.
    pub ten_seconds_secs: i64,
    /// Seconds that windows of a minute are kept. Defaults to 3 days.
    pub minute_secs: i64,
    /// Seconds that windows of an hour are kept. Defaults to 400 days.
    pub hour_secs: i64,
    /// Seconds that windows of a day are kept before they are deleted. Defaults to for ever.
    pub day_secs: Option<i64>,
}

/// What a roll-up did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolledUp {
    /// Windows that moved into a wider one.
    pub moved: u64,
    /// Windows that were deleted, past every retention.
    pub deleted: u64,
}

// === impl Retention ===

impl Retention {
    /// How long windows of a width are kept; `None` is for ever.
    pub fn of(&self, width: Width) -> Option<i64> {
        match width {
            Width::TenSeconds => Some(self.ten_seconds_secs),
            Width::Minute => Some(self.minute_secs),
            Width::Hour => Some(self.hour_secs),
            Width::Day => self.day_secs,
        }
    }

    /// Windows of a width that end at or before this are past their retention.
    pub fn cutoff(&self, width: Width, now: Timestamp) -> Option<Timestamp> {
        self.of(width).map(|secs| now.minus_secs(secs))
    }
}

impl Default for Retention {
    fn default() -> Self {
        const HOUR: i64 = 3_600;
        Self { ten_seconds_secs: 6 * HOUR, minute_secs: 72 * HOUR, hour_secs: 400 * 24 * HOUR, day_secs: None }
    }
}
