//! [`RequestSpan`]: the span of one request.

use axum::extract::{MatchedPath, Request};
use axum::http::uri::{Authority, Scheme};
use axum::http::{Method, StatusCode, Version, header};
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::sampling::OnlyLooking;
use super::trace_context::parent_of;
use crate::serve::{RequestId, UNCOUNTED};

/// The span of one request, by OpenTelemetry's names for those of HTTP servers.
///
/// It holds the route's template and never the path, which may hold secrets.
#[derive(Clone, Debug)]
pub(crate) struct RequestSpan(Span);

impl RequestSpan {
    /// Begins a span that continues the client's trace, or begins one.
    pub(crate) fn begin(request: &Request, id: &RequestId) -> Self {
        let span = tracing::error_span!("request", %id, otel.kind = "server");
        let route = request.extensions().get().map(MatchedPath::as_str);
        // Without a layer that takes spans there is nothing to say to it.
        let _ = span.set_parent(parent(request, route));
        let context = span.context();
        if context.span().is_recording() {
            describe(&context, request, route);
        }
        Self(span)
    }

    /// What happens for the request happens in this span.
    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    /// Says how the request ended; a mistake of the client's is no error here.
    pub(crate) fn answered(&self, status: StatusCode) {
        let context = self.0.context();
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
    }
}

fn parent(request: &Request, route: Option<&str>) -> Context {
    let context = match parent_of(request.headers()) {
        Some(parent) => Context::new().with_remote_span_context(parent),
        None => Context::new(),
    };
    let is_looking = route.is_some_and(|route| UNCOUNTED.contains(&route));
    if is_looking { context.with_value(OnlyLooking) } else { context }
}

fn describe(context: &Context, request: &Request, route: Option<&str>) {
    let span = context.span();
    let method = known(request.method());
    let name = method.unwrap_or("HTTP");
    span.update_name(route.map_or_else(|| name.to_owned(), |route| format!("{name} {route}")));
    span.set_attribute(KeyValue::new("http.request.method", method.unwrap_or("_OTHER")));
    if let Some(route) = route {
        span.set_attribute(KeyValue::new("http.route", route.to_owned()));
    }
    let scheme = if request.extensions().get() == Some(&Scheme::HTTPS) { "https" } else { "http" };
    span.set_attribute(KeyValue::new("url.scheme", scheme));
    if let Some(version) = version(request.version()) {
        span.set_attribute(KeyValue::new("network.protocol.version", version));
    }
    if let Some(server) = server(request) {
        span.set_attribute(KeyValue::new("server.address", server.host().to_owned()));
        if let Some(port) = server.port_u16() {
            span.set_attribute(KeyValue::new("server.port", i64::from(port)));
        }
    }
}

/// The methods that OpenTelemetry knows; any other word could be a client's invention.
fn known(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}

fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

/// What the client calls the server.
fn server(request: &Request) -> Option<Authority> {
    let host = request.headers().get(header::HOST)?;
    host.to_str().ok()?.parse().ok()
}
