//! [`MemoryStore`]: the reference that every other store is compared with.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::gained::Gained;
use super::query::ReportBuilder;
use super::{
    Applied, Batch, EndpointStatus, Judgement, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    Summary, WRITERS_KEPT, WriterId, WriterMark, WriterState,
};
use crate::aggregate::Delta;
use crate::endpoint::Endpoint;
use crate::window::{Timestamp, Width, Window};

/// Keeps windows in memory, for as long as the process lives.
///
/// Writers are forgotten at roll-ups.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    windows: BTreeMap<(Window, Endpoint), Summary>,
    endpoints: BTreeMap<Endpoint, EndpointStatus>,
    writers: BTreeMap<WriterId, Known>,
}

#[derive(Debug)]
struct Known {
    mark: WriterMark,
    checkpoint: Option<Vec<u8>>,
    forget_after_secs: Option<i64>,
    /// The first roll-up after its last batch, as there is no other clock here.
    seen_at: Option<Timestamp>,
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StatsStore for MemoryStore {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let mut state = self.state();
        match batch.judge(state.writers.get(&batch.writer).map(|known| known.mark)) {
            Judgement::Take(digest) => {
                let mark = WriterMark { last_seq: batch.seq, digest };
                state.writers.insert(batch.writer, Known::by(batch, mark));
                batch.deltas.iter().for_each(|delta| state.add(delta));
                Ok(Applied::Applied)
            }
            Judgement::Leave(applied) => Ok(applied),
            Judgement::Refuse(kind, problem) => Err(StoreError::new(kind, "write a batch").with_source(problem)),
        }
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        let state = self.state();
        let found = state.writers.get(&writer);
        Ok(found.map(|known| WriterState { last_seq: known.mark.last_seq, checkpoint: known.checkpoint.clone() }))
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        let state = self.state();
        let mut report = ReportBuilder::new(query);
        for ((window, endpoint), found) in &state.windows {
            if let (Some(first_at), Some(last_at)) = (found.first_at, found.last_at) {
                report.add(endpoint, *window, &found.counts, first_at, last_at);
            }
        }
        Ok(report.finish())
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        for endpoint in endpoints {
            state.status(endpoint).registered_at.get_or_insert(at);
        }
        Ok(())
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        Ok(self.state().endpoints.values().cloned().collect())
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        let mut state = self.state();
        state.forget_writers(now);
        let mut sum = RolledUp::default();
        for width in Width::ALL {
            let Some(cutoff) = retention.cutoff(width, now) else {
                continue;
            };
            for ((window, endpoint), found) in state.take_expired(width, cutoff) {
                match width.wider() {
                    Some(wider) => {
                        sum.moved += 1;
                        state.merge(window.widened_to(wider), &endpoint, &found);
                    }
                    None => sum.deleted += 1,
                }
            }
        }
        Ok(sum)
    }

    async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

// === impl Known ===

impl Known {
    fn by(batch: &Batch, mark: WriterMark) -> Self {
        let forget_after_secs = batch.forget_after_secs();
        Self { mark, checkpoint: batch.checkpoint.clone(), forget_after_secs, seen_at: None }
    }
}

// === impl State ===

impl State {
    fn add(&mut self, delta: &Delta) {
        self.status(&delta.endpoint).gain(Gained::by(delta));
        let mut added = Summary::default();
        added.add(&delta.counts, delta.first_at, delta.last_at);
        self.merge(delta.window, &delta.endpoint, &added);
    }

    fn merge(&mut self, window: Window, endpoint: &Endpoint, added: &Summary) {
        if let (Some(first_at), Some(last_at)) = (added.first_at, added.last_at) {
            let present = self.windows.entry((window, endpoint.clone())).or_default();
            present.add(&added.counts, first_at, last_at);
        }
    }

    fn status(&mut self, endpoint: &Endpoint) -> &mut EndpointStatus {
        self.endpoints.entry(endpoint.clone()).or_insert_with(|| EndpointStatus {
            endpoint: endpoint.clone(),
            hits: 0,
            registered_at: None,
            first_seen: None,
            last_called: None,
        })
    }

    /// Forgets writers whose time is over, unless there are few.
    fn forget_writers(&mut self, now: Timestamp) {
        let may_forget = self.writers.len() > WRITERS_KEPT.into();
        self.writers.retain(|_, known| {
            let seen_at = *known.seen_at.get_or_insert(now);
            let is_over = known.forget_after_secs.is_some_and(|secs| seen_at < now.minus_secs(secs));
            !(may_forget && is_over)
        });
    }

    fn take_expired(&mut self, width: Width, cutoff: Timestamp) -> BTreeMap<(Window, Endpoint), Summary> {
        self.windows.extract_if(.., |(window, _), _| window.width() == width && window.end() <= cutoff).collect()
    }
}
