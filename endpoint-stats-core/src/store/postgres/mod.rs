//! [`PostgresStore`]: windows in PostgreSQL, which any number of processes share.
//!
//! A batch is taken by one statement: it moves the writer's mark and keeps the batch's deltas as one row of `arrival`.
//! No two writers touch the same row, so none waits for another. Once a second, one of the processes *settles* what has
//! arrived: under an advisory lock, in one transaction, it merges the deltas into windows. Answers add up windows and
//! arrivals in one snapshot, so a batch counts from the moment it is taken.

mod apply;
mod damaged;
mod endpoints;
mod error;
mod options;
mod partitions;
mod pool;
mod read;
mod roll_up;
mod schema;
mod settle;
mod sums;
mod tls;
mod windows;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use tracing::Instrument;

pub use self::options::PostgresOptions;

use self::damaged::DamagedRow;
use self::error::Failure;
use self::pool::{Manager, WAIT};
use self::settle::Wait;
use super::pool::{Limits, Pool};
use super::settler::{self, Settler, Settles};
use super::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError, WriterId,
    WriterState,
};
use crate::endpoint::Endpoint;
use crate::window::Timestamp;

/// How long a call waits for its answer; the server gives up before that, see `SERVER_SETTINGS`.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Keeps windows in a PostgreSQL database; clones share its connections.
///
/// Every call runs in a task of its own, so a future that is dropped cuts nothing in half, and a connection that was cut
/// is thrown away.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Pool<Manager>,
    place: String,
    settler: Settler,
}

type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'c>>;

impl PostgresStore {
    /// Connects to a database whose tables are there, see [`migrate`](Self::migrate).
    ///
    /// # Errors
    ///
    /// `Unavailable` when the database cannot be reached; `Corrupt` when its tables are of an older or a newer version,
    /// with the migration that is missing or unknown.
    pub async fn connect(options: PostgresOptions) -> Result<Self, StoreError> {
        let place = options.place().to_owned();
        let limits = Limits { name: "postgres", connections: options.max_connections, wait: WAIT };
        let opened = async { Pool::new(Manager::new(options)?, limits).await };
        let pool = opened.await.map_err(|failure: Failure| failure.while_trying("open the store", &place))?;
        let store = Self { shared: Arc::new(Shared { pool, place, settler: Settler::default() }) };
        store.run("open the store", |connection| Box::pin(schema::check(connection))).await?;
        Ok(store)
    }

    /// Brings the tables up to date; safe when many processes do so at once. Returns the migrations that were missing.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the database cannot be reached; `Corrupt` when its tables are of a newer version.
    pub async fn migrate(options: PostgresOptions) -> Result<Vec<String>, StoreError> {
        let place = options.place().to_owned();
        schema::migrate(options).await.map_err(|failure| failure.while_trying("bring the tables up to date", &place))
    }

    /// Makes the roles `endpoint_stats_writer` and `endpoint_stats_reader` where they are missing, and gives each the rights
    /// it needs and no more; to be done after each [`migrate`](Self::migrate), any number of times.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the database cannot be reached; `Rejected` or `Corrupt` when its tables are not there, when they
    /// are not this role's, or when it may not make roles.
    pub async fn make_roles(options: PostgresOptions) -> Result<(), StoreError> {
        let place = options.place().to_owned();
        schema::make_roles(options).await.map_err(|failure| failure.while_trying("make the roles", &place))
    }

    async fn keep_partitions(&self, now: Timestamp, retention: Retention) -> Result<(), StoreError> {
        let changes = self
            .run("list partitions", move |connection| Box::pin(partitions::changes(connection, now, retention)))
            .await?;
        for change in changes {
            self.run("keep partitions", move |connection| Box::pin(partitions::change(connection, change))).await?;
        }
        Ok(())
    }

    /// Does some work on a connection, in a task of its own.
    async fn run<T, W>(&self, what: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut AsyncPgConnection) -> Work<'c, T> + Send + 'static,
    {
        self.spawn(work).await.map_err(|failure| failure.while_trying(what, &self.shared.place))
    }

    /// The same; when a damaged window is in the way, sets it aside and does the work again.
    async fn run_around<T, W>(&self, what: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut AsyncPgConnection) -> Work<'c, T> + Clone + Send + 'static,
    {
        loop {
            let done = match self.spawn(work.clone()).await {
                Err(Failure::Damaged(row)) => match self.set_aside(row).await {
                    Ok(()) => continue,
                    Err(failure) => {
                        tracing::warn!(%failure, %row, "a damaged window cannot be set aside");
                        Err(Failure::Damaged(row))
                    }
                },
                done => done,
            };
            return done.map_err(|failure| failure.while_trying(what, &self.shared.place));
        }
    }

    /// Sets a damaged row aside, together with those that are found on the way.
    async fn set_aside(&self, row: DamagedRow) -> Result<(), Failure> {
        let mut rows = vec![row];
        loop {
            let known = rows.clone();
            match self.spawn(move |connection| Box::pin(damaged::set_aside(connection, known))).await {
                Err(Failure::Damaged(found)) if !rows.contains(&found) => rows.push(found),
                done => return done,
            }
        }
    }

    async fn spawn<T, W>(&self, work: W) -> Result<T, Failure>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut AsyncPgConnection) -> Work<'c, T> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let done = tokio::spawn(async move { shared.run(work).await }.in_current_span()).await;
        done.unwrap_or_else(|_| Err(Failure::NoAnswer("the task ended without an answer")))
    }
}

impl Settles for Shared {
    fn settler(&self) -> &Settler {
        &self.settler
    }

    async fn settle_what_is_due(self: Arc<Self>) -> bool {
        settle::settle_what_is_due(&PostgresStore { shared: self }).await
    }
}

impl Shared {
    async fn run<T, W>(&self, work: W) -> Result<T, Failure>
    where
        W: for<'c> FnOnce(&'c mut AsyncPgConnection) -> Work<'c, T>,
    {
        let mut connection = self.pool.get().await?;
        connection.spend();
        let done = tokio::time::timeout(ANSWER_WITHIN, work(&mut connection)).await;
        let done = done.unwrap_or(Err(Failure::NoAnswer("no answer came in time")));
        if !done.as_ref().is_err_and(Failure::spoils_connection) {
            connection.keep();
        }
        done
    }
}

#[async_trait]
impl StatsStore for PostgresStore {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let taking = apply::Taking::of(batch);
        let applied = self.run("write a batch", |connection| Box::pin(apply::apply(connection, taking))).await?;
        // A duplicate was taken when its reply got lost.
        if matches!(applied, Applied::Applied | Applied::Duplicate) {
            settler::soon(&self.shared);
        }
        Ok(applied)
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        self.run("read a writer", move |connection| Box::pin(apply::writer(connection, writer))).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        let query = query.clone();
        self.run_around("answer a question", move |connection| Box::pin(read::report(connection, query.clone()))).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        let endpoints = endpoints.to_vec();
        self.run("register endpoints", move |connection| Box::pin(endpoints::register(connection, endpoints, at))).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.run("list endpoints", |connection| Box::pin(endpoints::all(connection))).await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        let retention = *retention;
        let mut sum = RolledUp::default();
        let last =
            self.run("look for batches to settle", |connection| Box::pin(settle::last_arrival(connection))).await?;
        while self
            .run_around("settle batches", move |connection| Box::pin(settle::step(connection, Wait::ForTurn, last)))
            .await?
        {}
        loop {
            let done = self
                .run_around("roll windows up", move |connection| Box::pin(roll_up::step(connection, now, retention)))
                .await?;
            if done == RolledUp::default() {
                break;
            }
            sum.moved += done.moved;
            sum.deleted += done.deleted;
        }
        if let Err(error) = self.keep_partitions(now, retention).await {
            tracing::warn!(%error, "partitions are kept at the next roll-up; until then the default ones take over");
        }
        Ok(sum)
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.run("reach the store", |connection| Box::pin(schema::check_writable(connection))).await
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("place", &self.shared.place).finish_non_exhaustive()
    }
}
