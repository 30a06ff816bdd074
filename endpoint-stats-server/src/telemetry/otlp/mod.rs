//! The way of spans to a collector: OTLP, as protobuf over HTTP.
//!
//! A span that has ended goes into a bounded queue, or is dropped when that is full; a task takes batches from it and sends
//! them, each again until the collector takes it or refuses it for good. What is dropped is counted and logged now and then.

mod collector;
mod exporter;
mod headers;
mod queue;
mod trouble;

use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanProcessor;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(super) use self::collector::Collector;
use self::exporter::Exporter;
pub(super) use self::headers::Headers;
use self::queue::{Dropped, SpanQueue};

/// Spans that may wait; they take some kilobytes each.
const MAX_WAITING: usize = 2_048;

/// No end waits longer for a collector.
const LONGEST_END: Duration = Duration::from_secs(3);

/// The queue, and the task that empties it.
#[derive(Debug)]
pub(super) struct Export {
    queue: SpanQueue,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Export {
    pub(super) fn start(collector: Collector, resource: &Resource) -> Self {
        let (spans, waiting) = mpsc::channel(MAX_WAITING);
        let (stop, stopped) = watch::channel(false);
        let queue = SpanQueue::new(spans, Dropped::default());
        let exporter = Exporter::new(waiting, queue.dropped().clone(), collector, resource, stopped);
        Self { queue, stop, task: tokio::spawn(exporter.run()) }
    }

    /// Where ended spans go.
    pub(super) fn queue(&self) -> impl SpanProcessor + use<> {
        self.queue.clone()
    }

    /// Sends what waits, once, and gives up when the time is over.
    pub(super) async fn finish(mut self, within: Duration) {
        let _ = self.stop.send(true);
        if timeout(within.min(LONGEST_END), &mut self.task).await.is_err() {
            self.task.abort();
            let dropped = self.queue.dropped().count();
            tracing::warn!(dropped, "the collector took too long: the last spans are lost");
        }
    }
}
