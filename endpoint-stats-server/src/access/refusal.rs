//! [`Refusal`]: why a request is not let in, and how much of that is said.

use std::time::Duration;

use axum::http::StatusCode;

use crate::api_error::ApiError;

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It shows no token where one is needed.
    Missing,
    /// Nobody has this token.
    Unknown,
    /// The token's time is over.
    Expired,
    /// The token was taken back.
    Revoked,
    /// The token stands where logs and histories keep it.
    InQuery,
    /// A page of another site makes a browser send it.
    CrossSite,
    /// Too many wrong tokens came from there; for how long none is looked at.
    TooManyWrong(Duration),
    /// The token is used too often; for how long.
    TooOften(Duration),
}

impl Refusal {
    /// What it is called in the metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::InQuery => "in_query",
            Self::CrossSite => "cross_site",
            Self::TooManyWrong(_) => "too_many_wrong",
            Self::TooOften(_) => "too_often",
        }
    }

    /// What is answered: the same to all who have no valid token.
    pub(super) fn answer(self) -> ApiError {
        match self {
            Self::Missing | Self::Unknown | Self::Expired | Self::Revoked => unauthorized(),
            Self::InQuery => {
                ApiError::new(StatusCode::BAD_REQUEST, "token_in_query", "a token must not be in the query string")
                    .with_hint("send `Authorization: Bearer TOKEN`; and revoke this one, for logs on the way keep it")
            }
            Self::CrossSite => ApiError::new(StatusCode::FORBIDDEN, "cross_site", "another site's page sends this")
                .with_hint("send it from a program, or from a page of this server"),
            Self::TooManyWrong(wait) => rate_limited("too many wrong tokens came from your address", wait)
                .with_hint("use a token that is valid"),
            Self::TooOften(wait) => {
                rate_limited("too many requests came with this token", wait).with_hint("send fewer and larger requests")
            }
        }
    }
}

/// A token is needed, and there is none that is valid.
pub(super) fn unauthorized() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "this needs a valid token")
        .with_hint("send `Authorization: Bearer TOKEN`; `endpoint-stats-server token create` makes one")
}

fn rate_limited(message: &'static str, wait: Duration) -> ApiError {
    let whole_secs = Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).with_retry_after(whole_secs)
}
