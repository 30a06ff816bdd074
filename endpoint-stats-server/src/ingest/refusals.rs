//! How routes that take a body refuse it, for the `OpenAPI` document; [`ApiError`](crate::api_error::ApiError) does it.

use utoipa::IntoResponses;

use crate::api_error::ErrorBody;

/// Why a body is not taken.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "describes answers that `ApiError` gives")]
pub(super) enum BodyRefusals {
    /// The body came too slowly; nothing was counted.
    #[response(status = 408)]
    TooSlow(ErrorBody),
    /// The body, or a line of it, is too large; nothing was counted.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The body is of a type or an encoding other than those in `accepted`.
    #[response(status = 415)]
    UnknownType(ErrorBody),
    /// What the body says cannot be: `field` says where. Nothing was counted.
    #[response(status = 422)]
    Impossible(ErrorBody),
}

/// What was sent before stands against it.
#[derive(Debug, IntoResponses)]
#[response(status = 409)]
#[expect(dead_code, reason = "describes an answer that `ApiError` gives")]
pub(super) struct Conflict(ErrorBody);
