//! What a request carries: its type, and its bytes up to a limit.

use std::error::Error;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use endpoint_stats_core::store::Message;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::api_error::ApiError;

/// Refuses a body that is not of this type, or is encoded.
///
/// # Errors
///
/// 415 `unsupported_media_type`, with what is taken.
pub(super) fn need_type(headers: &HeaderMap, expected: &'static str) -> Result<(), ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let kind = text(header::CONTENT_TYPE).map(|text| text.split(';').next().unwrap_or_default().trim());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(expected)) {
        return Err(unsupported("content-type", "the body is of another type than this takes")
            .with_hint(format!("send `Content-Type: {expected}`")));
    }
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(unsupported("content-encoding", "the body is encoded").with_hint("send it as it is"));
    }
    Ok(())
}

fn unsupported(field: &'static str, message: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message).with_field(field)
}

/// Reads a body to its end.
///
/// # Errors
///
/// 413 `body_too_large` as soon as it is clear that more bytes come than allowed; 400 `bad_body` when it is cut off.
pub(super) async fn read(body: Body, max_bytes: usize) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(too_large(max_bytes));
    }
    match Limited::new(body, max_bytes).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if is_too_long(&*error) => Err(too_large(max_bytes)),
        Err(_) => Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_body", "the body ended before it was whole")),
    }
}

/// The limit is passed here, or in a layer in front.
fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(<dyn Error>::is::<LengthLimitError>)
}

fn too_large(max_bytes: usize) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than this takes")
        .with_hint(format!("send at most {max_bytes} bytes at a time"))
}

/// Reads a message of a [`RemoteStore`](endpoint_stats_core::store::RemoteStore).
///
/// # Errors
///
/// 400 `bad_message` when it is none, or one of another version.
pub(super) fn message<M: Message>(bytes: &[u8]) -> Result<M, ApiError> {
    M::decode(bytes).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_message", error.to_string())
            .with_hint("let service and server be of the same version")
    })
}
