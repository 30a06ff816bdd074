//! [`Shared`]: what the clones of a store share, and each call as steps on its connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::apply::{self, Taking};
use super::change::Change;
use super::connections::{Connection, Connections};
use super::error::Failure;
use super::keys::Keys;
use super::options::RedisOptions;
use super::replay::{Replay, inherited};
use super::settle::Step;
use super::{damaged, policy, read, roll_up, settle};
use crate::endpoint::Endpoint;
use crate::store::query::ReportBuilder;
use crate::store::settler::{Settler, Settles};
use crate::store::{Applied, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, WriterId, WriterState};
use crate::window::Timestamp;

/// How often a change that others were faster than is tried again.
const TRIES: u32 = 50;

pub(super) struct Shared {
    connections: Connections,
    shards: Vec<Keys>,
    pub(super) place: String,
    // A step is many commands, each with a limit of its own.
    step_within: Duration,
    settler: Settler,
    replay: Replay,
}

impl Shared {
    pub(super) async fn open(options: RedisOptions, shards: Vec<Keys>, place: String) -> Result<Self, Failure> {
        let step_within = 2 * options.answer_within;
        let connections = Connections::new("redis", options).await?;
        Ok(Self { connections, shards, place, step_within, settler: Settler::default(), replay: Replay::default() })
    }

    pub(super) async fn check_policy(&self) -> Result<(), Failure> {
        self.on(async |connection| policy::check(connection).await).await
    }

    pub(super) async fn apply(&self, taking: Taking) -> Result<Applied, Failure> {
        let keys = self.keys_of(taking.writer);
        let mut applied = self.take(keys, &taking).await?;
        if let Applied::Gap { last_seq } = applied
            && self.fill_gap(&taking, last_seq).await?
        {
            applied = self.take(keys, &taking).await?;
        }
        // Acknowledged by a reply that got lost, it is a duplicate.
        if matches!(applied, Applied::Applied | Applied::Duplicate) {
            self.replay.keep(taking);
        }
        Ok(applied)
    }

    async fn take(&self, keys: &Keys, taking: &Taking) -> Result<Applied, Failure> {
        self.on(async |connection| apply::apply(connection, keys, taking).await).await
    }

    /// Sends again what was acknowledged and is gone; says whether the batch follows now.
    async fn fill_gap(&self, taking: &Taking, last_seq: u64) -> Result<bool, Failure> {
        let lost = self.replay.between(taking.writer, last_seq, taking.seq);
        let Some(first) = lost.first().map(|batch| batch.seq) else { return Ok(false) };
        let follows = first == last_seq + 1;
        tracing::error!(
            writer = %taking.writer, last_seq, missing = taking.seq - 1 - last_seq, kept = lost.len(),
            "Redis has lost batches that it had acknowledged; those that are kept are sent again",
        );
        for batch in if follows { lost } else { inherited(lost) } {
            self.take(self.keys_of(batch.writer), &batch).await?;
        }
        Ok(follows)
    }

    pub(super) async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, Failure> {
        let keys = self.keys_of(writer);
        self.on(async |connection| apply::writer(connection, keys, writer).await).await
    }

    pub(super) async fn query(&self, query: &StatsQuery) -> Result<StatsReport, Failure> {
        loop {
            let mut report = ReportBuilder::new(query);
            let mut done = Ok(());
            for keys in &self.shards {
                let report = &mut report;
                done = self.on(async |connection| read::add_to_report(connection, keys, query, report).await).await;
                if done.is_err() {
                    break;
                }
            }
            if self.around_damage(done).await?.is_some() {
                return Ok(report.finish());
            }
        }
    }

    pub(super) async fn endpoints(&self) -> Result<Vec<EndpointStatus>, Failure> {
        let mut all = BTreeMap::new();
        for keys in &self.shards {
            let all = &mut all;
            self.on(async |connection| read::add_endpoints(connection, keys, all).await).await?;
        }
        Ok(all.into_values().collect())
    }

    pub(super) async fn register(&self, endpoints: BTreeSet<Endpoint>, at: Timestamp) -> Result<(), Failure> {
        if endpoints.is_empty() {
            return Ok(());
        }
        let keys = &self.shards[0];
        for _ in 0..TRIES {
            let named = endpoints.clone();
            let made = self.on(async |connection| {
                let mut change = Change::of(keys, &settle::version(connection, keys).await?);
                let mut numbered = settle::numbered(connection, keys, named).await?;
                for endpoint in numbered.values_mut() {
                    endpoint.status.registered_at.get_or_insert(at);
                }
                settle::push_endpoints(&mut change, keys, numbered.into_values());
                change.make(connection).await
            });
            if made.await? {
                return Ok(());
            }
        }
        Err(Failure::NoAnswer("endpoints change faster than they can be registered"))
    }

    pub(super) async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, Failure> {
        let mut sum = RolledUp::default();
        for keys in &self.shards {
            self.settle_all(keys).await?;
            let mut beaten = 0;
            while beaten < TRIES {
                let step = self.on(async |connection| roll_up::step(connection, keys, now, retention).await).await;
                match self.around_damage(step).await? {
                    Some(roll_up::Step::Nothing) => break,
                    Some(roll_up::Step::Done(done)) => {
                        sum.moved += done.moved;
                        sum.deleted += done.deleted;
                    }
                    Some(roll_up::Step::Beaten) => beaten += 1,
                    None => {}
                }
            }
        }
        Ok(sum)
    }

    pub(super) async fn health(&self) -> Result<(), Failure> {
        let key = self.shards[0].health();
        self.on(async |connection| {
            let mut write = redis::cmd("SET");
            write.arg(key).arg(1).arg("PX").arg(1_000);
            write.exec_async(connection).await?;
            policy::check(connection).await
        })
        .await
    }

    /// Settles what waits now, however much arrives meanwhile.
    async fn settle_all(&self, keys: &Keys) -> Result<(), Failure> {
        let mut waiting = self.on(async |connection| settle::waiting(connection, keys).await).await?;
        let mut beaten = 0;
        while waiting > 0 && beaten < TRIES {
            let step = self.on(async |connection| settle::step(connection, keys).await).await;
            match self.around_damage(step).await? {
                Some(Step::Nothing) => return Ok(()),
                Some(Step::Beaten) => beaten += 1,
                Some(Step::Done(batches)) => waiting = waiting.saturating_sub(batches),
                None => {}
            }
        }
        if waiting == 0 { Ok(()) } else { Err(Failure::NoAnswer("windows change faster than batches can be settled")) }
    }

    /// Settles a shard if it is this store's turn; says whether batches wait there.
    async fn settle_in_turn(&self, keys: &Keys) -> Result<bool, Failure> {
        let is_any = self.on(async |connection| settle::waiting(connection, keys).await).await? > 0;
        if is_any && self.on(async |connection| settle::take_turn(connection, keys).await).await? {
            self.settle_all(keys).await?;
            return Ok(false);
        }
        Ok(is_any)
    }

    fn keys_of(&self, writer: WriterId) -> &Keys {
        let sum: usize = writer.as_bytes().iter().map(|byte| usize::from(*byte)).sum();
        &self.shards[sum % self.shards.len()]
    }

    /// Does a step on a connection, in time.
    async fn on<T>(&self, step: impl AsyncFnOnce(&mut Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut connection = self.connections.get().await?;
        let done = tokio::time::timeout(self.step_within, step(&mut connection)).await;
        connection.give_back(done.unwrap_or(Err(Failure::NoAnswer("no answer came in time"))))
    }

    /// Sets a row aside that was in the way of a step, which is then to be done again: `None`.
    async fn around_damage<T>(&self, done: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match done {
            Err(Failure::Damaged(row)) => {
                self.on(async |connection| damaged::set_aside(connection, &row).await).await?;
                Ok(None)
            }
            done => done.map(Some),
        }
    }
}

impl Settles for Shared {
    fn settler(&self) -> &Settler {
        &self.settler
    }

    async fn settle_what_is_due(self: Arc<Self>) -> bool {
        let mut is_any_left = false;
        for keys in &self.shards {
            match self.settle_in_turn(keys).await {
                Ok(is_any) => is_any_left |= is_any,
                Err(failure) => {
                    tracing::warn!(%failure, "batches wait to be settled; the next look tries again");
                    is_any_left = true;
                }
            }
        }
        is_any_left
    }
}
