//! [`TracedStore`]: a store whose calls are spans.

use async_trait::async_trait;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::{
    Applied, Batch, EndpointStatus, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    StoreErrorKind, WriterId, WriterState,
};
use crate::endpoint::Endpoint;
use crate::window::Timestamp;

/// A store whose calls are `tracing` spans of level debug, by OpenTelemetry's names for those of database clients.
///
/// A call is part of the span that it is made in, and no span where there is none: what looks at the store twice a second
/// would begin a trace each time.
#[derive(Clone, Debug)]
pub struct TracedStore<S> {
    inner: S,
    system: &'static str,
}

/// The span of a call, if it is part of another.
macro_rules! call {
    ($store:expr, $name:literal, $operation:literal) => {
        part_of_current(|| {
            tracing::debug_span!(
                $name,
                otel.kind = "client",
                otel.status_code = Empty,
                db.system.name = $store.system,
                db.operation.name = $operation,
                "error.type" = Empty,
            )
        })
    };
}

/// A span, unless it would be part of none.
pub(super) fn part_of_current(span: impl FnOnce() -> Span) -> Span {
    if Span::current().is_none() { Span::none() } else { span() }
}

impl<S: StatsStore> TracedStore<S> {
    /// Makes the calls of a store spans; `system` is what OpenTelemetry calls its database: `postgresql`, `sqlite`.
    pub fn new(inner: S, system: &'static str) -> Self {
        Self { inner, system }
    }
}

/// Waits for a call within its span, and says there how it failed.
async fn within<T>(span: Span, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let answer = call.instrument(span.clone()).await;
    if let Err(error) = &answer {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", name(error.kind()));
    }
    answer
}

fn name(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Unavailable => "unavailable",
        StoreErrorKind::Rejected => "rejected",
        StoreErrorKind::Conflict => "conflict",
        StoreErrorKind::Corrupt => "corrupt",
    }
}

#[async_trait]
impl<S: StatsStore> StatsStore for TracedStore<S> {
    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        within(call!(self, "store.apply", "apply"), self.inner.apply(batch)).await
    }

    async fn writer(&self, writer: WriterId) -> Result<Option<WriterState>, StoreError> {
        within(call!(self, "store.writer", "writer"), self.inner.writer(writer)).await
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        within(call!(self, "store.query", "query"), self.inner.query(query)).await
    }

    async fn register(&self, endpoints: &[Endpoint], at: Timestamp) -> Result<(), StoreError> {
        within(call!(self, "store.register", "register"), self.inner.register(endpoints, at)).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        within(call!(self, "store.endpoints", "endpoints"), self.inner.endpoints()).await
    }

    async fn roll_up(&self, now: Timestamp, retention: &Retention) -> Result<RolledUp, StoreError> {
        within(call!(self, "store.roll_up", "roll_up"), self.inner.roll_up(now, retention)).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.inner.health().await
    }
}
