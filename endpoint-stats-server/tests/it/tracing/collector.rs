//! [`Collector`]: takes spans as a collector of OpenTelemetry does, or as one in trouble.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, mpsc};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::command::PATIENCE;

/// Answers nothing, ever.
pub(super) const SILENT: u16 = 0;

/// Requests after which a span that has not come does not come.
const MANY: usize = 30;

/// A collector; what it received waits to be looked at.
pub(super) struct Collector {
    received: mpsc::Receiver<Received>,
    status: Arc<AtomicU16>,
    address: SocketAddr,
    // Ends with the collector, and its connections with it.
    _runtime: Runtime,
}

/// One request.
pub(super) struct Received {
    pub(super) headers: HeaderMap,
    pub(super) resource: Vec<KeyValue>,
    pub(super) spans: Vec<Span>,
}

#[derive(Clone)]
struct Desk {
    status: Arc<AtomicU16>,
    received: mpsc::Sender<Received>,
}

impl Collector {
    /// Takes what comes.
    pub(super) fn start() -> Self {
        Self::answering(200)
    }

    /// Answers with a status until it is told otherwise.
    pub(super) fn answering(status: u16) -> Self {
        let (sender, received) = mpsc::channel();
        let status = Arc::new(AtomicU16::new(status));
        let desk = Desk { status: Arc::clone(&status), received: sender };
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", post(take)).with_state(desk);
        runtime.spawn(axum::serve(listener, router).into_future());
        Self { received, status, address, _runtime: runtime }
    }

    pub(super) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for the next request, whatever it was answered.
    pub(super) fn next(&self) -> Received {
        self.received.recv_timeout(PATIENCE).expect("spans arrive")
    }

    /// Waits for a span of some kind, and gives it with all that came before and beside it.
    pub(super) fn until(&self, is_it: impl Fn(&Span) -> bool) -> (Span, Vec<Span>) {
        let mut others = Vec::new();
        for _ in 0..MANY {
            let mut spans = self.next().spans;
            if let Some(at) = spans.iter().position(&is_it) {
                let found = spans.remove(at);
                others.append(&mut spans);
                return (found, others);
            }
            others.append(&mut spans);
        }
        panic!("no such span among {others:?}");
    }

    /// Waits for the spans of all names.
    pub(super) fn spans<const N: usize>(&self, names: [&str; N]) -> [Span; N] {
        let mut found = Vec::new();
        for _ in 0..MANY {
            found.extend(self.next().spans);
            if names.iter().all(|name| found.iter().any(|span: &Span| span.name == *name)) {
                break;
            }
        }
        names.map(|name| found.iter().find(|span| span.name == name).expect(name).clone())
    }

    /// Waits for the span of a name.
    pub(super) fn span(&self, name: &str) -> Span {
        self.until(|span| span.name == name).0
    }

    /// What is left, when whoever sends has ended.
    pub(super) fn rest(&self) -> Vec<Span> {
        self.received.try_iter().flat_map(|received| received.spans).collect()
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let mut received = Received { headers, resource: Vec::new(), spans: Vec::new() };
    for spans in request.resource_spans {
        received.resource = spans.resource.unwrap_or_default().attributes;
        received.spans.extend(spans.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    let status = desk.status.load(Ordering::SeqCst);
    let _ = desk.received.send(received);
    if status == SILENT {
        return std::future::pending().await;
    }
    let answer = ExportTraceServiceResponse { partial_success: None }.encode_to_vec();
    (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/x-protobuf")], answer).into_response()
}

/// An attribute as text.
pub(super) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref();
    value.and_then(text)
}

fn text(value: &AnyValue) -> Option<String> {
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn hex(id: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).expect("half a byte is a digit");
    id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
