//! [`Wanted`]: how an answer is to look, and whether the client has it already.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use endpoint_stats_core::window::{TimeRange, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::parameters::read;
use crate::api_error::ApiError;
use crate::report::csv::{self, Table};

/// A range that ended so long ago rarely gains anything: writers flush every second, and are retried for a while.
const CLOSED_AFTER_SECS: i64 = 300;

const CSV: &str = "text/csv; charset=utf-8";
const JSON: &str = "application/json";
const CLOSED: HeaderValue = HeaderValue::from_static("private, max-age=60");
const OPEN: HeaderValue = HeaderValue::from_static("no-store");
const VARY: HeaderValue = HeaderValue::from_static("accept, authorization");

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// One JSON object.
    Json,
    /// A table under a row of names.
    Csv,
}

/// How an answer is to be written.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FormatText {
    /// JSON, or CSV, which `Accept: text/csv` asks for too.
    #[param(inline)]
    format: Option<Format>,
}

/// How long an answer stays what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It may be another one already.
    Open,
    /// It changes only when a writer comes late.
    Closed,
}

/// How an answer is to look, and which one the client has.
#[derive(Debug)]
pub(super) struct Wanted {
    format: Format,
    known: Option<HeaderValue>,
}

// === impl Freshness ===

impl Freshness {
    pub(super) fn of(range: TimeRange, now: Timestamp) -> Self {
        if range.to <= now.minus_secs(CLOSED_AFTER_SECS) { Self::Closed } else { Self::Open }
    }
}

// === impl Wanted ===

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let format = read::<FormatText>(&parts.uri)?.format.unwrap_or_else(|| accepted(&parts.headers));
        Ok(Self { format, known: parts.headers.get(header::IF_NONE_MATCH).cloned() })
    }
}

impl Wanted {
    /// Writes an answer, or says that the client has it.
    pub(super) fn answer(&self, answer: &(impl Serialize + Table), freshness: Freshness) -> Result<Response, ApiError> {
        let (body, content_type) = match self.format {
            Format::Json => (serde_json::to_vec(answer).map_err(unwritten)?, JSON),
            Format::Csv => (csv::text(answer).map_err(unwritten)?.into_bytes(), CSV),
        };
        let mut headers = HeaderMap::from_iter(unstored());
        if freshness == Freshness::Closed {
            let tag = tag(&body);
            headers.insert(header::CACHE_CONTROL, CLOSED);
            if self.known.as_ref().is_some_and(|known| names(known, &tag)) {
                headers.insert(header::ETAG, tag);
                return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
            }
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok((headers, body).into_response())
    }
}

/// Headers of an answer that is another one in a second.
pub(super) fn unstored() -> [(HeaderName, HeaderValue); 2] {
    [(header::CACHE_CONTROL, OPEN), (header::VARY, VARY)]
}

/// The hash of the answer; weak, because compression may write it otherwise.
fn tag(body: &[u8]) -> HeaderValue {
    let hash = blake3::hash(body).to_hex();
    HeaderValue::try_from(format!("W/\"{}\"", &hash[..32])).unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// Whether a list of tags names this one, or any (RFC 9110, 13.1.2).
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    known.split(',').any(|one| one.trim() == "*" || opaque(one) == opaque(tag))
}

/// CSV when it is named before JSON and before anything else.
fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let types = accept.split(',').map(|one| one.split(';').next().unwrap_or_default().trim());
    match types.into_iter().find(|one| ["text/csv", JSON, "*/*"].contains(one)) {
        Some("text/csv") => Format::Csv,
        _ => Format::Json,
    }
}

fn unwritten(error: impl std::fmt::Display) -> ApiError {
    tracing::error!(%error, "an answer could not be written");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "unwritten", "the answer could not be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format_for(accept: &'static str) -> Format {
        accepted(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
    }

    #[test]
    fn csv_is_for_those_who_name_it_first() {
        assert_eq!(format_for("text/csv"), Format::Csv);
        assert_eq!(format_for("text/csv;q=0.9, application/json;q=0.8"), Format::Csv);
        assert_eq!(format_for("text/html, */*, text/csv"), Format::Json);
        assert_eq!(accepted(&HeaderMap::new()), Format::Json);
    }

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong() {
        let tag = HeaderValue::from_static("W/\"abc\"");
        let names = |known| names(&HeaderValue::from_static(known), &tag);

        assert!(names("W/\"abc\"") && names("\"x\", \"abc\"") && names("*"));
        assert!(!names("\"ab\"") && !names("W/\"abcd\"") && !names(""));
    }

    #[test]
    fn a_range_is_closed_five_minutes_after_its_end() {
        let range = TimeRange::new(Timestamp::from_unix(0), Timestamp::from_unix(1_000));

        assert_eq!(Freshness::of(range, Timestamp::from_unix(1_299)), Freshness::Open);
        assert_eq!(Freshness::of(range, Timestamp::from_unix(1_300)), Freshness::Closed);
    }
}
