//! [`hardened`]: what every request goes through, whatever it asks for.

use std::any::Any;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument;

use super::draining::{Draining, end_streams};
use super::explained::explained;
use super::limits::RequestLimits;
use super::request_id::{HEADER as REQUEST_ID, RequestId};
use super::shelter::{OVERLOADED, Shelter, Waited, shelter};
use crate::api_error::ApiError;
use crate::exposition::catalog::PANICS;
use crate::ingest::ErrorForm;
use crate::telemetry::RequestSpan;

/// Smaller answers fit into a packet or two as they are.
const WORTH_COMPRESSING: u64 = 1024;

/// An answer that takes longer is worth a warning.
const SLOW: Duration = Duration::from_secs(1);

/// A router whose requests get a turn, a size and a time; probes stay outside.
pub(super) fn sheltered(router: Router, limits: RequestLimits) -> Router {
    router.layer(from_fn_with_state(Shelter::new(limits), shelter))
}

/// A router that names each request, logs it, survives its panics, and answers every error in the same shape.
pub(super) fn hardened(router: Router, draining: Draining) -> Router {
    let layers = ServiceBuilder::new()
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(WORTH_COMPRESSING).and(is_compressible)))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(from_fn(name_and_log))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(Extension(draining))
        .layer(from_fn(end_streams));
    router.layer(layers)
}

/// What is text, and neither a stream of events nor an answer that is compressed already.
fn is_compressible(_: StatusCode, _: axum::http::Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    const TEXT: [&str; 6] =
        ["text/html", "text/css", "text/csv", "text/javascript", "application/javascript", "application/json"];
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    TEXT.iter().any(|text| kind.starts_with(text)) || kind.starts_with("image/svg+xml")
}

/// Names the request, in its log lines and in its answer, and logs how it ended.
async fn name_and_log(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let span = RequestSpan::begin(&request, &id);
    request.extensions_mut().insert(id.clone());
    let seen = Seen::of(&request);
    let form = ErrorForm::of(&request);
    let work = async {
        let mut response = explained(next.run(request).await, form, &id).await;
        response.headers_mut().insert(REQUEST_ID, id.to_header());
        seen.log(&response);
        span.answered(response.status());
        response
    };
    work.instrument(span.span()).await
}

/// What of a request may be logged: neither its path, which may hold secrets, nor its query, headers or body.
#[derive(Debug)]
struct Seen {
    method: Method,
    route: Option<MatchedPath>,
    started: Instant,
}

impl Seen {
    fn of(request: &Request) -> Self {
        Self { method: request.method().clone(), route: request.extensions().get().cloned(), started: Instant::now() }
    }

    fn log(&self, response: &Response) {
        let waited = response.extensions().get().map_or(Duration::ZERO, |Waited(waited)| *waited);
        let (status, took) = (response.status(), self.started.elapsed().saturating_sub(waited));
        let millis = took.as_millis();
        let method = &self.method;
        let route = self.route.as_ref().map_or("-", MatchedPath::as_str);
        let is_expected = response.extensions().get().is_some_and(|error: &ApiError| error.code() == OVERLOADED);
        if status.is_server_error() && !is_expected {
            tracing::warn!(%method, route, status = status.as_u16(), millis, "a request failed");
        } else if took > SLOW {
            tracing::warn!(%method, route, status = status.as_u16(), millis, "a request was slow");
        } else {
            tracing::debug!(%method, route, status = status.as_u16(), millis, "request");
        }
    }
}

/// The `Box` is what a panic carries.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no text");
    PANICS.counter([]).increment(1);
    tracing::error!(panic = text, "a request panicked");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something is wrong here")
        .with_hint("tell whoever runs the server the id of this request")
        .into_response()
}

#[cfg(test)]
mod tests;
