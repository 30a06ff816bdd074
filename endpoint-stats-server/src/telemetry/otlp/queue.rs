//! [`SpanQueue`]: where ended spans wait, never for long and never too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc;

/// Takes ended spans, and drops those that do not fit; clones share the queue.
#[derive(Clone, Debug)]
pub(super) struct SpanQueue {
    spans: mpsc::Sender<SpanData>,
    dropped: Dropped,
}

/// Spans that nobody will see; clones share the count.
#[derive(Clone, Debug, Default)]
pub(super) struct Dropped(Arc<AtomicU64>);

impl SpanQueue {
    pub(super) fn new(spans: mpsc::Sender<SpanData>, dropped: Dropped) -> Self {
        Self { spans, dropped }
    }

    pub(super) fn dropped(&self) -> &Dropped {
        &self.dropped
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans.try_send(span).is_err() {
            self.dropped.add(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Dropped {
    pub(super) fn add(&self, spans: u64) {
        self.0.fetch_add(spans, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    #[test]
    fn a_span_that_does_not_fit_is_dropped_and_counted() {
        let (spans, mut waiting) = mpsc::channel(1);
        let queue = SpanQueue::new(spans, Dropped::default());
        let provider = SdkTracerProvider::builder().with_span_processor(queue.clone()).build();
        let tracer = provider.tracer("test");

        for name in ["first", "second", "third"] {
            drop(tracer.start(name));
        }

        assert_eq!(waiting.try_recv().unwrap().name, "first");
        assert_eq!(queue.dropped().count(), 2);
    }
}
