//! [`Recording`]: a real recorder that says when something was counted.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::aggregate::{Aggregator, Counts, Delta, Limits};
use endpoint_stats_core::middleware::{AxumRoutes, EndpointStatsLayer, IdentifyEndpoint, RequestHead};
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Hit, ServiceName};
use tokio::sync::watch;

/// Counts in an [`Aggregator`], and lets a test wait for hits to end.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    aggregator: Aggregator,
    seen: Arc<watch::Sender<Seen>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    begun: usize,
    ended: usize,
    request_bytes: u64,
}

/// A hit of a [`Recording`].
#[derive(Clone, Debug)]
pub(crate) struct RecordingHit<O> {
    inner: O,
    seen: Arc<watch::Sender<Seen>>,
}

/// Takes the path for the template, except `/unmatched`; good enough for paths that a test makes up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathIsTemplate;

impl Recording {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let service = ServiceName::new("shop").unwrap();
        Self { aggregator: Aggregator::new(service, limits), seen: Arc::default() }
    }

    pub(crate) fn layer(&self) -> EndpointStatsLayer<Self, PathIsTemplate> {
        EndpointStatsLayer::new(self.clone(), PathIsTemplate)
    }

    pub(crate) fn axum_layer(&self) -> EndpointStatsLayer<Self, AxumRoutes> {
        EndpointStatsLayer::for_axum(self.clone())
    }

    pub(crate) fn aggregator(&self) -> &Aggregator {
        &self.aggregator
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn begun(&self, hits: usize) {
        self.until(|seen| seen.begun >= hits).await;
    }

    /// Waits until so many hits have ended.
    pub(crate) async fn ended(&self, hits: usize) {
        self.until(|seen| seen.ended >= hits).await;
    }

    /// Waits until so many bytes of request bodies were counted.
    pub(crate) async fn request_bytes(&self, bytes: u64) {
        self.until(|seen| seen.request_bytes >= bytes).await;
    }

    async fn until(&self, reached: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        soon(seen.wait_for(reached)).await.unwrap();
    }

    pub(crate) fn drain(&self) -> Vec<Delta> {
        self.aggregator.drain(Timestamp::from_unix(1_700_000_000))
    }

    /// What was counted since the last call, a line for each endpoint and outcome, with the hits when more than one.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines(&self.drain())
    }

    /// The counts of the one endpoint that was hit.
    pub(crate) fn counts(&self) -> Counts {
        let mut deltas = self.drain();
        assert_eq!(deltas.len(), 1, "{:?}", lines(&deltas));
        deltas.remove(0).counts
    }
}

fn lines(deltas: &[Delta]) -> Vec<String> {
    let mut lines = Vec::new();
    for delta in deltas {
        let (method, route) = (delta.endpoint.method(), delta.endpoint.route());
        for (outcome, hits) in delta.counts.outcomes.iter() {
            lines.push(match hits {
                1 => format!("{method} {route} {outcome}"),
                _ => format!("{method} {route} {outcome} x{hits}"),
            });
        }
    }
    lines.sort();
    lines
}

/// Waits for what must happen, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("it happens within a minute")
}

impl Recorder for Recording {
    type OpenHit = RecordingHit<<Aggregator as Recorder>::OpenHit>;

    fn begin(&self, arrival: Arrival<'_>) -> Option<Self::OpenHit> {
        let inner = self.aggregator.begin(arrival)?;
        self.seen.send_modify(|seen| seen.begun += 1);
        Some(RecordingHit { inner, seen: Arc::clone(&self.seen) })
    }
}

impl<O: OpenHit> OpenHit for RecordingHit<O> {
    fn end(self, hit: &Hit) {
        self.inner.end(hit);
        self.seen.send_modify(|seen| seen.ended += 1);
    }

    fn add_request_bytes(&self, bytes: u64) {
        self.inner.add_request_bytes(bytes);
        self.seen.send_modify(|seen| seen.request_bytes += bytes);
    }
}

impl IdentifyEndpoint for PathIsTemplate {
    fn identify<'a>(&self, request: &RequestHead<'a>) -> Option<Cow<'a, str>> {
        match request.uri().path() {
            "/unmatched" => None,
            path => Some(path.into()),
        }
    }
}
