//! [`Exporter`]: the task that sends batches of spans.

use std::time::Duration;

use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::collector::Collector;
use super::queue::Dropped;
use super::trouble::Trouble;

/// Spans in a batch at most.
const MAX_BATCH: usize = 512;

/// How long a span waits for others to travel with.
const GATHER: Duration = Duration::from_secs(1);

/// Between two tries, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Takes spans from the queue and sends them, until it is told to stop and the queue is empty.
#[derive(Debug)]
pub(super) struct Exporter {
    waiting: mpsc::Receiver<SpanData>,
    batch: Vec<SpanData>,
    collector: Collector,
    resource: ResourceAttributesWithSchema,
    trouble: Trouble,
    stopped: watch::Receiver<bool>,
}

impl Exporter {
    pub(super) fn new(
        waiting: mpsc::Receiver<SpanData>,
        dropped: Dropped,
        collector: Collector,
        resource: &Resource,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let (resource, trouble) = (resource.into(), Trouble::new(dropped));
        Self { waiting, batch: Vec::new(), collector, resource, trouble, stopped }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.gather().await;
            if self.batch.is_empty() {
                break;
            }
            self.deliver().await;
            self.trouble.tell();
        }
        self.trouble.tell_at_last();
    }

    /// Waits for a span and for others to travel with; takes what there is when it is told to stop.
    async fn gather(&mut self) {
        tokio::select! {
            () = fill(&mut self.waiting, &mut self.batch) => {}
            () = stop(&mut self.stopped) => {
                self.waiting.close();
                while self.batch.len() < MAX_BATCH && let Ok(span) = self.waiting.try_recv() {
                    self.batch.push(span);
                }
            }
        }
    }

    /// Sends the batch, again after pauses while that may help; once more when it is told to stop.
    async fn deliver(&mut self) {
        let spans = self.batch.len() as u64;
        let batch = self.seal();
        let mut pause = FIRST_PAUSE;
        loop {
            let is_last = self.is_stopped();
            match self.collector.send(batch.clone()).await {
                Ok(rejected) => return self.trouble.took(rejected),
                Err(failure) => {
                    self.trouble.failed(&failure);
                    if is_last || failure.is_final() {
                        return self.trouble.lost(spans);
                    }
                    self.wait(failure.pause().unwrap_or(pause)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            self.trouble.tell();
        }
    }

    fn seal(&mut self) -> Bytes {
        let spans = std::mem::take(&mut self.batch);
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
    }

    async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep_until(Instant::now() + pause) => {}
            () = stop(&mut self.stopped) => {}
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }
}

/// Waits for a span, then for a full batch or the end of a moment; what came is kept when nobody waits any more.
async fn fill(waiting: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) {
    let mut received = waiting.recv_many(batch, MAX_BATCH).await;
    let full_by = Instant::now() + GATHER;
    while received > 0 && batch.len() < MAX_BATCH {
        let room = MAX_BATCH - batch.len();
        received = timeout_at(full_by, waiting.recv_many(batch, room)).await.unwrap_or(0);
    }
}

/// Waits until it is told to stop, or nobody is left to tell it.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
