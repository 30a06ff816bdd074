//! Bodies, read as they arrive: decompressed, and stopped at a limit.

use std::error::Error;
use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use endpoint_stats_core::store::Message;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;

use super::Limits;
use crate::api_error::ApiError;
use crate::serve::BodyTooSlow;

/// So much may be decompressed from anything, before the ratio counts.
const BEFORE_RATIO: u64 = 1 << 20;

/// So many compressed bytes are decompressed before other tasks get their turn.
const PIECE: usize = 8 << 10;

/// So many bytes that are not compressed are taken before other tasks get their turn.
const PLAIN_PIECE: usize = 64 << 10;

/// Takes the bytes of a body, decompressed, piece by piece.
pub(super) trait Sink {
    fn take(&mut self, bytes: &[u8]) -> Result<(), ApiError>;
}

/// Reads a body to its end into a sink.
///
/// # Errors
///
/// 413 past a limit; 415 for an encoding other than gzip; 400 when the body is cut off or not what it says; and what the
/// sink refuses.
pub(super) async fn read<S: Sink>(
    headers: &HeaderMap,
    body: Body,
    max_bytes: u64,
    limits: &Limits,
    sink: S,
) -> Result<S, ApiError> {
    let is_compressed = is_gzip(headers)?;
    let metered = Metered { sink, received: 0, taken: 0, max_bytes, ratio: limits.ratio, refusal: None };
    if is_compressed {
        return read_gzip(body, metered).await;
    }
    let mut metered = metered;
    let mut body = body;
    while let Some(bytes) = next(&mut body).await? {
        metered.receive(bytes.len())?;
        for (place, piece) in bytes.chunks(PLAIN_PIECE).enumerate() {
            if place > 0 {
                tokio::task::yield_now().await;
            }
            metered.take(piece)?;
        }
    }
    Ok(metered.sink)
}

/// Reads a body to its end, whole.
///
/// # Errors
///
/// Those of [`read`].
pub(super) async fn whole(headers: &HeaderMap, body: Body, max_bytes: u64, limits: &Limits) -> Result<Bytes, ApiError> {
    read(headers, body, max_bytes, limits, Vec::new()).await.map(Bytes::from)
}

async fn read_gzip<S: Sink>(mut body: Body, metered: Metered<S>) -> Result<S, ApiError> {
    let mut decoder = MultiGzDecoder::new(metered);
    while let Some(bytes) = next(&mut body).await? {
        for piece in bytes.chunks(PIECE) {
            decoder.get_mut().receive(piece.len())?;
            let written = decoder.write_all(piece);
            written.map_err(|_| decoder.get_mut().refused())?;
            tokio::task::yield_now().await;
        }
    }
    let ended = decoder.try_finish();
    ended.map_err(|_| decoder.get_mut().refused())?;
    if decoder.get_ref().received == 0 {
        return Err(bad_gzip());
    }
    decoder.finish().map(|metered| metered.sink).map_err(|_| bad_gzip())
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreadable(&error))?;
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let encoding = encodings.next().map_or(&b""[..], |encoding| encoding.as_bytes().trim_ascii());
    match encoding {
        _ if encodings.next().is_some() => Err(unknown_encoding()),
        b"" => Ok(false),
        name if name.eq_ignore_ascii_case(b"identity") => Ok(false),
        name if name.eq_ignore_ascii_case(b"gzip") => Ok(true),
        _ => Err(unknown_encoding()),
    }
}

/// A sink that is stopped when it was given too much.
struct Metered<S> {
    sink: S,
    received: u64,
    taken: u64,
    max_bytes: u64,
    ratio: u64,
    /// Why the sink took no more, while an [`io::Error`] stands for it.
    refusal: Option<ApiError>,
}

// === impl Metered ===

impl<S: Sink> Metered<S> {
    /// Notes what came over the wire.
    fn receive(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.received = self.received.saturating_add(bytes as u64);
        if self.received > self.max_bytes { Err(too_large(self.max_bytes)) } else { Ok(()) }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        self.taken = self.taken.saturating_add(bytes.len() as u64);
        if self.taken > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        if self.taken > BEFORE_RATIO.max(self.received.saturating_mul(self.ratio)) {
            return Err(too_dense(self.ratio));
        }
        self.sink.take(bytes)
    }

    fn refused(&mut self) -> ApiError {
        self.refusal.take().unwrap_or_else(bad_gzip)
    }
}

impl<S: Sink> Write for Metered<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.take(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(refusal) => {
                self.refusal = Some(refusal);
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Says why a body did not come to its end.
fn unreadable(error: &(dyn Error + 'static)) -> ApiError {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    if causes.any(<dyn Error>::is::<BodyTooSlow>) {
        return ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body came too slowly")
            .with_hint("nothing was counted: send the whole body without long pauses");
    }
    cut_off()
}

fn cut_off() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_body", "the body ended before its end, or its framing is wrong")
        .with_hint("nothing was counted: send the request again")
}

fn bad_gzip() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_gzip", "the body is not gzip, or is cut off")
        .with_field("content-encoding")
        .with_hint("nothing was counted: send all of it, or without `Content-Encoding`")
}

fn too_large(max_bytes: u64) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", format!("the body is larger than {max_bytes} bytes"))
        .with_hint("nothing was counted: send less at a time")
        .with_detail("max_bytes", max_bytes)
}

fn too_dense(ratio: u64) -> ApiError {
    let message = format!("the body is more than {ratio} times larger than it was sent");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
        .with_hint("nothing was counted: send less at a time, or without compression")
        .with_detail("max_ratio", ratio)
}

fn unknown_encoding() -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", "the body's encoding is not known here")
        .with_field("content-encoding")
        .with_hint("send it as it is, or with `Content-Encoding: gzip`")
        .with_detail("accepted", vec!["identity", "gzip"])
}

/// The content type without its parameters, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body is of a kind that a route does not take.
pub(super) fn unknown_type(accepted: &[&'static str]) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_type", "the body's type is not known here")
        .with_field("content-type")
        .with_hint(format!("send it as {}", accepted.join(" or ")))
        .with_detail("accepted", accepted.to_vec())
}

/// Refuses a body of another type than a route takes.
pub(super) fn need_type(headers: &HeaderMap, expected: &'static str) -> Result<(), ApiError> {
    if content_type(headers) == expected { Ok(()) } else { Err(unknown_type(&[expected])) }
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
