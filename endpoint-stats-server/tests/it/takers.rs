//! [`Taker`]: the routes that take something, in this process, on a real file.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::{Extension, Router};
use endpoint_stats_core::clock::ManualClock;
use endpoint_stats_core::store::{EndpointReport, SqliteStore, StatsQuery, StatsReport, StatsStore};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::{self, Ingest, Ledger, Limits};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const NOON: i64 = 1_800_014_400;

/// A request that is not sent to its end is cut off here.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The routes that take something, in front of a store.
#[derive(Clone)]
pub(crate) struct Taker {
    pub(crate) store: Arc<dyn StatsStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: Arc<Ledger>,
    router: Router,
    folder: Option<Arc<tempfile::TempDir>>,
}

impl Taker {
    /// On a new file, at noon.
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("stats.db")).await.unwrap();
        Self { folder: Some(Arc::new(folder)), ..Self::before(Arc::new(store), limits) }
    }

    /// In front of any store.
    pub(crate) fn before(store: Arc<dyn StatsStore>, limits: Limits) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(NOON)));
        let ingest = Ingest { clock: clock.clone(), limits, ..Ingest::new(store.clone()) };
        let ledger = Arc::clone(&ingest.ledger);
        let router = ingest::router(ingest).layer(Extension(Principal::new("tester", [Scope::Ingest])));
        Self { store, clock, ledger, router, folder: None }
    }

    /// Another server on the same store.
    pub(crate) fn restarted(&self) -> Self {
        Self { folder: self.folder.clone(), ..Self::before(self.store.clone(), Limits::default()) }
    }

    /// The same for somebody else.
    pub(crate) fn as_principal(&self, principal: Principal) -> Self {
        let ingest = Ingest::new(self.store.clone());
        Self { router: ingest::router(ingest).layer(Extension(principal)), ..self.clone() }
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Sends hits as one JSON document.
    pub(crate) async fn hits(&self, body: impl Into<Body>) -> Answer {
        self.post("/v1/hits", &[("content-type", "application/json")], body).await
    }

    /// Sends hits line by line.
    pub(crate) async fn lines(&self, body: impl Into<Body>) -> Answer {
        self.post("/v1/hits", &[("content-type", "application/x-ndjson")], body).await
    }

    pub(crate) async fn report(&self) -> StatsReport {
        self.store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap()
    }

    pub(crate) async fn total(&self) -> u64 {
        self.report().await.totals.counts.hits()
    }

    /// What is known of an endpoint, by its name `service METHOD /route`.
    pub(crate) async fn endpoint(&self, name: &str) -> EndpointReport {
        let report = self.report().await;
        let found = report.endpoints.into_iter().find(|report| report.endpoint.to_string() == name);
        found.unwrap_or_else(|| panic!("no hits of {name}"))
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The status, the code and the field of an error.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert!(!text("message").is_empty() && !text("hint").is_empty(), "{error}");
        (self.status, text("code"), text("field"))
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}
