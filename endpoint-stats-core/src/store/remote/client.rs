//! [`Client`]: one request and its answer, in time.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{self, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout};

use super::answer::Answer;
use super::options::RemoteOptions;
use crate::store::roots::roots;
use crate::store::{StoreError, StoreErrorKind};

/// Connections that nobody uses for so long are closed.
const IDLE: Duration = Duration::from_secs(30);

/// The longest pause a server can ask for: a mistake of its must not silence a service for a day.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// No answer is larger.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// Why there is no answer.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Carries a request to whoever its address names.
type Carry = Box<dyn Fn(Request<Full<Bytes>>) -> ResponseFuture + Send + Sync>;

/// Calls one server.
pub(super) struct Client {
    carry: Carry,
    options: RemoteOptions,
    // Until when the server asked not to be called.
    paused_until: Mutex<Option<Instant>>,
}

/// What a request carries.
pub(super) struct Content {
    pub(super) kind: &'static str,
    pub(super) bytes: Bytes,
}

/// The server asked for a pause that has not passed yet.
#[derive(Debug)]
struct Paused(Duration);

/// No answer came in time; whether the server did what was asked, nobody knows.
#[derive(Debug)]
struct Late(Duration);

impl Client {
    pub(super) fn new(options: RemoteOptions) -> Result<Self, StoreError> {
        options.check()?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(options.connect_timeout));
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls(&options)?);
        Ok(Self::over(tls.https_or_http().enable_http1().wrap_connector(tcp), options))
    }

    /// Calls over connections that somebody else makes.
    pub(super) fn over(connector: impl Connect + Clone + Send + Sync + 'static, options: RemoteOptions) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .build(connector);
        Self { carry: Box::new(move |request| http.request(request)), options, paused_until: Mutex::default() }
    }

    /// The server's address.
    pub(super) fn place(&self) -> &str {
        self.options.url()
    }

    /// Sends a request, unless the server asked for a pause, and waits for the whole answer.
    pub(super) async fn send(&self, method: Method, path: &str, content: Content) -> Result<Answer, Cause> {
        self.look_for_a_pause()?;
        let request = self.request(method, path, content).await?;
        let patience = self.options.request_timeout;
        let (headers, answer) = timeout(patience, self.exchange(request)).await.map_err(|_| Late(patience))??;
        if let Some(pause) = retry_after(&headers).filter(|_| !answer.is_success()) {
            *self.paused_until() = Some(Instant::now() + pause);
        }
        Ok(answer)
    }

    async fn request(&self, method: Method, path: &str, content: Content) -> Result<Request<Full<Bytes>>, Cause> {
        let uri = format!("{}{path}", self.options.url());
        let mut request = Request::builder().method(method).uri(uri).body(Full::new(content.bytes))?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("endpoint-stats/", env!("CARGO_PKG_VERSION"))));
        if !content.kind.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content.kind));
        }
        if let Some(authorization) = self.options.authorization().await? {
            headers.insert(AUTHORIZATION, authorization);
        }
        Ok(request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(HeaderMap, Answer), Cause> {
        let (head, body) = (self.carry)(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
        Ok((head.headers, Answer { status: head.status, body }))
    }

    fn look_for_a_pause(&self) -> Result<(), Paused> {
        let left = self.paused_until().and_then(|until| until.checked_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero()).map_or(Ok(()), |left| Err(Paused(left)))
    }

    fn paused_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tls(options: &RemoteOptions) -> Result<ClientConfig, StoreError> {
    let refused = |cause: Cause| StoreError::new(StoreErrorKind::Rejected, "prepare TLS").with_source(cause);
    let roots = roots(options.root_certificate.as_deref()).map_err(|problem| refused(problem.into()))?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.into()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The pause that an answer asks for, in seconds. A date is not heeded: clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs).min(LONGEST_PAUSE))
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server asked not to be called for another {:.1} s", self.0.as_secs_f64())
    }
}

impl Error for Paused {}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer came within {:.1} s", self.0.as_secs_f64())
    }
}

impl Error for Late {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(text: &'static str) -> Option<Duration> {
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]))
    }

    #[test]
    fn a_pause_is_of_seconds_and_never_long() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("99999999999"), Some(LONGEST_PAUSE));
        for text in ["", "-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "99999999999999999999999"] {
            assert_eq!(pause(text), None, "{text}");
        }
    }
}
