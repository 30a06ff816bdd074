//! [`Witness`]: a store whose every attempt and answer the oracle hears.

use std::sync::Arc;

use async_trait::async_trait;
use endpoint_stats_core::Endpoint;
use endpoint_stats_core::store::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    StoreErrorKind, WriterId, WriterState,
};
use endpoint_stats_core::window::Timestamp;

use super::line::Line;
use crate::oracle::said::{Answer, Hits, Name, Said};

/// Says what is about to be sent, and what was answered.
#[derive(Debug)]
pub(super) struct Witness {
    store: Arc<dyn StatsStore>,
    line: Line,
}

impl Witness {
    pub(super) fn new(store: Arc<dyn StatsStore>, line: Line) -> Self {
        Self { store, line }
    }
}

#[async_trait]
impl StatsStore for Witness {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let name = Name { writer: *batch.writer.as_bytes(), seq: batch.seq };
        self.line.say(&Said::Sending { batch: name, hits: hits_of(batch) });
        let applied = self.store.apply(batch).await;
        self.line.say(&Said::Answered { batch: name, answer: answer(&applied) });
        applied
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        self.store.writer(writer).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        self.store.query(query).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        self.store.register(endpoints, at).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.store.endpoints().await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        self.store.roll_up(now, retention).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.store.health().await
    }
}

/// A batch may hold an endpoint in several windows.
fn hits_of(batch: &Batch) -> Hits {
    let mut hits = Hits::new();
    for delta in &batch.deltas {
        let route = delta.endpoint.route().as_str();
        match hits.last_mut().filter(|(last, _)| last == route) {
            Some((_, sum)) => *sum += delta.counts.hits(),
            None => hits.push((route.to_owned(), delta.counts.hits())),
        }
    }
    hits
}

fn answer(applied: &Result<Applied, StoreError>) -> Answer {
    match applied {
        Ok(Applied::Applied) => Answer::Applied,
        Ok(Applied::Duplicate) => Answer::Duplicate,
        Ok(Applied::Gap { .. }) => Answer::Gap,
        Err(error) => match error.kind() {
            StoreErrorKind::Conflict => Answer::Conflict,
            StoreErrorKind::Rejected => Answer::Rejected,
            _ => Answer::Failed,
        },
    }
}
