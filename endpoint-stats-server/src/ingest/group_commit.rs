//! [`GroupCommit`]: the hits of concurrent requests in one batch.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use endpoint_stats_core::aggregate::Delta;
use endpoint_stats_core::store::{Applied, Batch, StatsStore, StoreError, StoreErrorKind, WriterId};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::Instrument;

use crate::api_error::ApiError;
use crate::retry::Retry;

/// How long a batch is tried before its senders are told.
const PATIENCE: Duration = Duration::from_secs(5);

/// A batch that holds so many deltas takes no further request.
const FULL: usize = 50_000;

/// While so many deltas wait, no further request is taken: those that wait may have no client any more.
const MAX_WAITING: usize = 4 * FULL;

/// Brings the hits of concurrent requests to the store as one batch.
///
/// One batch is applied at a time; what arrives meanwhile waits, and goes into the next one together.
#[derive(Debug)]
pub(super) struct GroupCommit {
    store: Arc<dyn StatsStore>,
    waiting: Mutex<Queue>,
    /// Whoever holds it applies a batch.
    numbers: tokio::sync::Mutex<Numbers>,
}

/// What waits for the next batches.
#[derive(Debug, Default)]
struct Queue {
    requests: VecDeque<Waiting>,
    deltas: usize,
}

#[derive(Debug)]
struct Waiting {
    deltas: Vec<Delta>,
    committed: oneshot::Sender<Result<(), ApiError>>,
}

#[derive(Debug)]
struct Numbers {
    writer: WriterId,
    last_seq: u64,
}

// === impl GroupCommit ===

impl GroupCommit {
    pub(super) fn new(store: Arc<dyn StatsStore>) -> Self {
        Self { store, waiting: Mutex::default(), numbers: tokio::sync::Mutex::new(Numbers::new()) }
    }

    /// Waits until the store has what was counted, in a task that goes on when nobody waits any more.
    ///
    /// # Errors
    ///
    /// 503 when the store could not be reached for five seconds, and may have what was counted, or not; and when too much
    /// waits already, which counts nothing.
    pub(super) async fn commit(self: &Arc<Self>, deltas: Vec<Delta>) -> Result<(), ApiError> {
        if deltas.is_empty() {
            return Ok(());
        }
        let (committed, outcome) = oneshot::channel();
        self.waiting().push(Waiting { deltas, committed })?;
        tokio::spawn(Arc::clone(self).apply_next().instrument(tracing::debug_span!("commit")));
        outcome.await.unwrap_or_else(|_| Err(contract_broken()))
    }

    /// Applies what waits when it is this one's turn; mostly an earlier turn took it along.
    async fn apply_next(self: Arc<Self>) {
        let mut numbers = self.numbers.lock().await;
        let (deltas, senders) = self.next_group();
        if senders.is_empty() {
            return;
        }
        // Until the store has the batch nobody knows which number is the next.
        let Numbers { writer, last_seq } = std::mem::replace(&mut *numbers, Numbers::new());
        let batch = Batch::new(writer, last_seq + 1, deltas);
        let outcome = self.apply(&batch).await;
        if outcome.is_ok() {
            *numbers = Numbers { writer, last_seq: batch.seq };
        }
        drop(numbers);
        for sender in senders {
            // Whoever went away does not want to know.
            let _ = sender.send(outcome.clone());
        }
    }

    fn next_group(&self) -> (Vec<Delta>, Vec<oneshot::Sender<Result<(), ApiError>>>) {
        let (mut deltas, mut senders) = (Vec::new(), Vec::new());
        let mut waiting = self.waiting();
        while deltas.len() < FULL {
            let Some(next) = waiting.pop() else { break };
            deltas.extend(next.deltas);
            senders.push(next.committed);
        }
        (deltas, senders)
    }

    async fn apply(&self, batch: &Batch) -> Result<(), ApiError> {
        match apply_patiently(&*self.store, batch).await {
            Ok(Applied::Applied | Applied::Duplicate) => Ok(()),
            Ok(Applied::Gap { .. }) => Err(contract_broken()),
            Err(error) => Err(perhaps_counted(error)),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies a batch; the same one again for five seconds while nobody knows whether the store took it.
pub(super) async fn apply_patiently(store: &dyn StatsStore, batch: &Batch) -> Result<Applied, StoreError> {
    let mut is_first = true;
    let retry = Retry::some_times();
    let answer = retry.until_answered(|tries| {
        is_first = tries == 0;
        store.apply(batch)
    });
    let answer = timeout(PATIENCE, answer).await;
    match answer {
        Ok(Ok(Applied::Duplicate)) if !is_first => Ok(Applied::Applied),
        Ok(answer) => answer,
        Err(_) => Err(StoreError::new(StoreErrorKind::Unavailable, "write within five seconds")),
    }
}

fn perhaps_counted(error: StoreError) -> ApiError {
    let is_unknown = error.kind() == StoreErrorKind::Unavailable;
    let refusal = ApiError::from_store(error);
    if !is_unknown {
        return refusal;
    }
    refusal.with_hint(
        "the hits may have been counted, or not; requests with an `Idempotency-Key` can be sent again without harm",
    )
}

/// The store does not keep its contract; the log says how.
pub(super) fn contract_broken() -> ApiError {
    tracing::error!("a batch of hits did not come to its end");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", "the store could not do this")
        .with_hint("the server's log says why, under this request id")
}

// === impl Queue ===

impl Queue {
    fn push(&mut self, request: Waiting) -> Result<(), ApiError> {
        if self.deltas >= MAX_WAITING {
            return Err(overloaded());
        }
        self.deltas += request.deltas.len();
        self.requests.push_back(request);
        Ok(())
    }

    fn pop(&mut self) -> Option<Waiting> {
        let next = self.requests.pop_front()?;
        self.deltas -= next.deltas.len();
        Some(next)
    }
}

fn overloaded() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "the store is slower than hits arrive")
        .with_hint("nothing was counted: send the same request again")
        .with_retry_after(Duration::from_secs(1))
}

// === impl Numbers ===

impl Numbers {
    fn new() -> Self {
        Self { writer: WriterId::random(), last_seq: 0 }
    }
}

#[cfg(test)]
mod tests {
    use endpoint_stats_core::aggregate::Counts;
    use endpoint_stats_core::store::{MemoryStore, StatsQuery};
    use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};
    use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};

    use super::*;

    /// So many deltas of one hit each.
    fn hits(deltas: usize) -> Vec<Delta> {
        let mut counts = Counts::default();
        counts.outcomes.add(Outcome::Status(200), 1);
        let at = Timestamp::from_unix(1_800_014_400);
        let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new("/").unwrap());
        let window = Window::containing(at, Width::TenSeconds);
        vec![Delta { endpoint, window, first_at: at, last_at: at, counts }; deltas]
    }

    #[tokio::test]
    async fn what_clients_that_went_away_sent_cannot_pile_up() {
        let store = Arc::new(MemoryStore::default());
        let group = Arc::new(GroupCommit::new(store.clone()));
        let busy = group.numbers.lock().await;
        for _ in 0..4 {
            let abandoned = timeout(Duration::ZERO, group.commit(hits(FULL))).await;
            assert!(abandoned.is_err(), "{abandoned:?}");
        }

        let refused = group.commit(hits(1)).await.unwrap_err();
        drop(busy);
        while group.waiting().deltas > 0 {
            tokio::task::yield_now().await;
        }
        group.commit(hits(1)).await.unwrap();

        assert_eq!((refused.status(), refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
        let report = store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap();
        assert_eq!(report.totals.counts.hits(), 4 * FULL as u64 + 1);
    }
}
