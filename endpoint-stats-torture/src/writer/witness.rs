//! [`Witness`]: a store whose every attempt and answer the oracle hears.

use std::sync::Arc;

use async_trait::async_trait;
use endpoint_stats_core::store::{Applied, Around, Batch, StatsStore, StoreError, StoreErrorKind};

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
impl Around for Witness {
    fn inner(&self) -> &dyn StatsStore {
        &self.store
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let name = Name { writer: *batch.writer.as_bytes(), seq: batch.seq };
        self.line.say(&Said::Sending { batch: name, hits: hits_of(batch) });
        let applied = self.store.apply(batch).await;
        self.line.say(&Said::Answered { batch: name, answer: answer(&applied) });
        applied
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
