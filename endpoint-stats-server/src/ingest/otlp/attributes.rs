//! What the attributes of a point say: method, route and status, by the names of today and of before.

use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// The name of services that tell none, as OpenTelemetry has it.
const UNKNOWN: &str = "unknown_service";

/// The endpoint of a point; a request that no route matched has no `http.route`.
pub(super) fn endpoint(service: &ServiceName, attributes: &[KeyValue]) -> Endpoint {
    let method = text(attributes, "http.request.method").or_else(|| text(attributes, "http.method"));
    let method = method.map_or(Method::Other, |name| Method::from_bytes(name.as_bytes()));
    let route = match text(attributes, "http.route") {
        None | Some("") => Route::unmatched(),
        Some(template) => Route::new(template).unwrap_or_else(|_| Route::refused()),
    };
    Endpoint::new(service.clone(), method, route)
}

/// How the requests of a point ended: without a status, as failed if there is an `error.type`, else as aborted.
pub(super) fn outcome(attributes: &[KeyValue]) -> Outcome {
    let status = status(attributes, "http.response.status_code").or_else(|| status(attributes, "http.status_code"));
    match status {
        Some(code) => Outcome::Status(code),
        None if value(attributes, "error.type").is_some() => Outcome::Failed,
        None => Outcome::Aborted,
    }
}

/// The service of a resource: its `service.name` in lower case, what a name does not take as `-`, cut at 64 bytes.
pub(super) fn service(resource: &[KeyValue]) -> ServiceName {
    let name = text(resource, "service.name").unwrap_or_default();
    let fitting = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '-' | '_' | '.') => c,
        _ => '-',
    };
    let name: String = name.chars().take(64).map(fitting).collect();
    ServiceName::new(&name).or_else(|_| ServiceName::new(UNKNOWN)).expect("the name is a valid one")
}

fn status(attributes: &[KeyValue], key: &str) -> Option<u16> {
    let code = match value(attributes, key)? {
        Value::IntValue(code) => u16::try_from(*code).ok()?,
        Value::StringValue(code) => code.parse().ok()?,
        _ => return None,
    };
    (100..=999).contains(&code).then_some(code)
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match &found.value {
        Some(AnyValue { value: Some(value) }) => Some(value),
        _ => None,
    }
}
