//! [`Visit`]: one way to the store and back, in a task of its own.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

use crate::clock::Moment;
use crate::store::{Applied, Batch, EndpointStatus, StatsStore, StoreError, StoreErrorKind};
use crate::telemetry::catalog::FLUSH_DURATION;

/// Goes to the store, with a batch or only to look.
pub(super) struct Visit {
    pub(super) store: Arc<dyn StatsStore>,
    pub(super) batch: Option<Arc<Batch>>,
    /// Whether to read what the store then holds.
    pub(super) look: bool,
    pub(super) service: String,
}

/// What a visit to the store brought back.
pub(super) struct Answer {
    pub(super) applied: Option<Result<Applied, StoreError>>,
    pub(super) is_up: bool,
    pub(super) endpoints: Option<Vec<EndpointStatus>>,
}

impl Visit {
    /// Sets out, in a task of its own: nothing that the flusher does can cut a write in half.
    pub(super) fn start(self) -> JoinHandle<Answer> {
        let span = span_of(self.batch.as_deref());
        tokio::spawn(self.there_and_back().instrument(span))
    }

    /// Applies a batch, if there is one, and reads what the store then holds, if asked or something was applied.
    async fn there_and_back(self) -> Answer {
        let Self { store, batch, look, service } = self;
        let applied = match batch {
            Some(batch) => {
                let sent_at = Moment::now();
                let applied = store.apply(&batch).await;
                FLUSH_DURATION.histogram([service.into()]).record(Moment::now().since(sent_at).as_secs_f64());
                Some(applied)
            }
            None => None,
        };
        // After a failure nobody knows which of this process's hits are there.
        let known = matches!(applied, None | Some(Ok(Applied::Applied | Applied::Duplicate)));
        let looked = if known && look { Some(store.endpoints().await) } else { None };
        let is_up = !applied.as_ref().is_some_and(is_away) && !looked.as_ref().is_some_and(is_away);
        Answer { applied, is_up, endpoints: looked.and_then(Result::ok) }
    }
}

/// The answer of whoever is on the way, `None` if it panicked; never, if nobody is.
pub(super) async fn arrival(under_way: &mut Option<JoinHandle<Answer>>) -> Option<Answer> {
    let Some(task) = under_way else {
        return std::future::pending().await;
    };
    let answer = task.await;
    *under_way = None;
    answer.ok()
}

/// A flush is a trace of its own; a look, which is made twice a second, is none.
fn span_of(batch: Option<&Batch>) -> Span {
    batch.map_or_else(Span::none, |batch| {
        tracing::info_span!(parent: None, "flush", seq = batch.seq, deltas = batch.deltas.len(), hits = batch.hits())
    })
}

/// Whether the store could not be reached; one that refuses something is there.
fn is_away<T>(answer: &Result<T, StoreError>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Unavailable)
}
