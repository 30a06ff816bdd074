//! [`explained`]: every refusal in the form of its route, mostly as the same JSON.

use std::borrow::Cow;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::request_id::RequestId;
use crate::api_error::ApiError;
use crate::ingest::ErrorForm;

/// What a refusal of axum's own says at most.
const MAX_TEXT: usize = 4 * 1024;

/// The response, in a form that has the request's id if it is an error that is not told in one of its own.
///
/// Other headers, such as `Allow`, stay.
pub(super) async fn explained(response: Response, form: ErrorForm, id: &RequestId) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if let Some(error) = response.extensions().get::<ApiError>() {
        let told = form.respond(error, id.as_str());
        return with_answer(response, told).await;
    }
    if is_told(&response) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let told = form.respond(&ApiError::new(status, code(status), message(status, body).await), id.as_str());
    with_answer(Response::from_parts(parts, Body::empty()), told).await
}

/// The response with the body of another and what belongs to that body.
///
/// Its own body is read to its end: dropped before, it would count as one whose client went away.
async fn with_answer(response: Response, told: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let _ = to_bytes(body, usize::MAX).await;
    let (told, body) = told.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(told.headers);
    Response::from_parts(parts, body)
}

fn is_told(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/") || kind.starts_with(b"text/html"))
}

/// What an extractor found wrong with the request; nothing of what went wrong here.
async fn message(status: StatusCode, body: Body) -> Cow<'static, str> {
    let otherwise = status.canonical_reason().unwrap_or("the request was refused").to_ascii_lowercase();
    let text = to_bytes(body, MAX_TEXT).await.unwrap_or_default();
    if status.is_server_error() {
        return otherwise.into();
    }
    match std::str::from_utf8(&text) {
        Ok(text) if !text.is_empty() => text.to_owned().into(),
        _ => otherwise.into(),
    }
}

fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_server_error() => "internal",
        _ => "bad_request",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::extract::Request;
    use axum::response::IntoResponse;
    use prost::Message;

    use super::*;

    /// `google.rpc.Status`, with what OTLP leaves out.
    #[derive(Clone, PartialEq, Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
    }

    #[tokio::test]
    async fn an_otlp_client_that_speaks_protobuf_reads_a_status_and_when_to_come_again() {
        let request = Request::post("/v1/metrics").header(header::CONTENT_TYPE, "application/x-protobuf");
        let request = request.header("x-request-id", "r-1").body(Body::empty()).unwrap();
        let refusal = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "too much")
            .with_hint("send it again")
            .with_retry_after(Duration::from_secs(7));

        let id = RequestId::of(request.headers());
        let told = explained(refusal.into_response(), ErrorForm::of(&request), &id).await;

        assert_eq!(
            (told.status(), told.headers()["retry-after"].as_bytes()),
            (StatusCode::SERVICE_UNAVAILABLE, &b"7"[..])
        );
        assert_eq!(told.headers()["content-type"], "application/x-protobuf");
        let body = to_bytes(told.into_body(), MAX_TEXT).await.unwrap();
        let message = "overloaded: too much; send it again (request r-1)".to_owned();
        assert_eq!(Status::decode(body).unwrap(), Status { code: 0, message });
    }
}
