//! [`Collector`]: one batch and its answer, in time.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use super::headers::Headers;

/// A batch and its answer take no longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that nobody uses for so long are closed.
const IDLE: Duration = Duration::from_secs(30);

/// The longest pause a collector can ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// No answer is larger.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

type Cause = Box<dyn Error + Send + Sync>;

/// Whoever takes spans.
#[derive(Debug)]
pub(crate) struct Collector {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: Uri,
    headers: Option<Headers>,
}

/// Why a batch was not taken.
#[derive(Debug)]
pub(super) struct Failure {
    what: String,
    is_final: bool,
    pause: Option<Duration>,
}

impl Collector {
    pub(crate) fn new(endpoint: Uri, headers: Option<Headers>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls()).https_or_http().enable_http1().wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .build(connector);
        Self { http, endpoint, headers }
    }

    /// Sends a batch, and tells how many spans of it the collector does not want.
    pub(super) async fn send(&self, batch: Bytes) -> Result<u64, Failure> {
        match timeout(PATIENCE, self.exchange(batch)).await {
            Ok(Ok((status, headers, body))) => judge(status, &headers, body),
            Ok(Err(cause)) => Err(Failure::of_the_way(format!("{:#}", anyhow::Error::from_boxed(cause)))),
            Err(_) => Err(Failure::of_the_way(format!("no answer came within {} s", PATIENCE.as_secs()))),
        }
    }

    async fn exchange(&self, batch: Bytes) -> Result<(StatusCode, HeaderMap, Bytes), Cause> {
        let mut request = Request::post(self.endpoint.clone()).body(Full::new(batch))?;
        if let Some(headers) = &self.headers {
            *request.headers_mut() = headers.read().await.map_err(|expected| format!("expected {expected}"))?;
        }
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("endpoint-stats/", env!("CARGO_PKG_VERSION"))));
        let (head, body) = self.http.request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
        Ok((head.status, head.headers, body))
    }
}

impl Failure {
    /// The collector may have come to its senses when it is asked again.
    fn of_the_way(what: String) -> Self {
        Self { what, is_final: false, pause: None }
    }

    /// The same batch will never be taken.
    pub(super) fn is_final(&self) -> bool {
        self.is_final
    }

    /// The pause that the collector asks for.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.pause
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Which answers are worth another try, <https://opentelemetry.io/docs/specs/otlp/#failures-1> says.
fn judge(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Result<u64, Failure> {
    if status.is_success() {
        let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
        return Ok(rejected.try_into().unwrap_or(0));
    }
    let is_passing = matches!(status.as_u16(), 429 | 502 | 503 | 504);
    Err(Failure { what: format!("it answers {status}"), is_final: !is_passing, pause: retry_after(headers) })
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs).min(LONGEST_PAUSE))
}

/// Trusts what the system trusts; `SSL_CERT_FILE` names another file of roots.
fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
