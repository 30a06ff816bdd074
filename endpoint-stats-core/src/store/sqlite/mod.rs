//! [`SqliteStore`]: windows in one file, with nothing to install.
//!
//! The file is in WAL mode with `synchronous=FULL`: when [`apply`](StatsStore::apply) returns, the batch survives a
//! crash of the process, of the machine, and a power cut that the disk itself survives. One thread writes and one
//! reads, each with its own connection, so a dropped future never cuts a transaction in half. Other processes may
//! use the same file; a writer waits up to 5 seconds for another.
//!
//! A window whose bytes cannot be read any more is set aside in the table `damaged_window`, with the reason, and logged;
//! everything else goes on.
//!
//! What can go wrong with the file, and the [kind](StoreErrorKind) of error it gives:
//!
//! | the file | kind |
//! |---|---|
//! | is not an SQLite database, belongs to another application, is from a newer version, is damaged | `Corrupt` |
//! | cannot be opened, is read-only, is locked for more than 5 seconds, the disk is full | `Unavailable` |
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("stats.db");
//! use endpoint_stats_core::store::{SqliteStore, StatsQuery, StatsStore};
//! use endpoint_stats_core::window::TimeRange;
//!
//! let store = SqliteStore::open(&path).await?;
//! let report = store.query(&StatsQuery::over(TimeRange::ALL)).await?;
//!
//! assert_eq!(report.totals.counts.hits(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod apply;
mod connection;
mod damaged;
mod endpoints;
mod error;
mod read;
mod roll_up;
mod rows;
mod schema;
mod session;
mod sums;
mod window_row;
mod worker;

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use self::worker::Worker;
use super::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    StoreErrorKind, WriterId, WriterState,
};
use crate::endpoint::Endpoint;
use crate::window::Timestamp;

/// Keeps windows in an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    // Closed in this order: the last connection moves the write-ahead log into the file.
    reader: Worker,
    writer: Worker,
}

impl SqliteStore {
    /// Opens a file, creates it if there is none, and brings its tables up to date.
    ///
    /// # Errors
    ///
    /// See the table [above](self).
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let writer = Worker::start("endpoint-stats-write", path.clone(), connection::open).await?;
        let reader = Worker::start("endpoint-stats-read", path.clone(), connection::open_reader).await?;
        Ok(Self { path, reader, writer })
    }

    async fn read(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        let query = query.clone();
        self.reader.call("read statistics", move |session| read::report(&mut session.connection, &query)).await
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[async_trait]
impl StatsStore for SqliteStore {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let batch = batch.clone();
        self.writer
            .call("write a batch", move |session| damaged::around(session, |session| apply::apply(session, &batch)))
            .await
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        self.reader.call("read a writer's state", move |session| read::writer(&mut session.connection, writer)).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        match self.read(query).await {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                // The reader cannot write; if there was nothing to set aside, the file itself is damaged.
                match self.writer.call("set damaged windows aside", damaged::set_aside).await? {
                    0 => Err(error),
                    _ => self.read(query).await,
                }
            }
            answer => answer,
        }
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        let endpoints = endpoints.to_vec();
        self.writer.call("register endpoints", move |session| endpoints::register(session, &endpoints, at)).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.reader.call("read endpoints", |session| endpoints::all(&mut session.connection)).await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        let retention = *retention;
        let mut sum = RolledUp::default();
        loop {
            let step = move |session: &mut session::Session| {
                damaged::around(session, |session| roll_up::step(&mut session.connection, now, &retention))
            };
            let step = self.writer.call("roll up windows", step).await?;
            if step == RolledUp::default() {
                break;
            }
            sum.moved += step.moved;
            sum.deleted += step.deleted;
        }
        let add_up = move |session: &mut session::Session| {
            damaged::around(session, |session| sums::step(&mut session.connection, now))
        };
        while self.writer.call("add windows up", add_up).await? {}
        Ok(sum)
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.writer.call("reach the database", |session| connection::check_writable(&mut session.connection)).await
    }
}
