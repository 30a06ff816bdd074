//! [`IdempotencyKey`]: what tells a request sent again from a new one.

use axum::http::{HeaderMap, StatusCode};
use endpoint_stats_core::store::WriterId;
use utoipa::IntoParams;

use crate::access::Principal;
use crate::api_error::ApiError;

const HEADER: &str = "idempotency-key";
const MAX_BYTES: usize = 128;
const DOMAIN: &str = "endpoint-stats 2026 idempotency key v1";

/// What tells a request sent again from a new one: 1 to 128 visible ASCII characters, chosen by the sender.
#[derive(Debug, IntoParams)]
#[into_params(names("idempotency-key"), parameter_in = Header)]
pub(super) struct IdempotencyKey(#[param(value_type = Option<String>, pattern = "^[!-~]{1,128}$")] Vec<u8>);

impl IdempotencyKey {
    /// The key of a request, if it has one.
    ///
    /// # Errors
    ///
    /// 400 `bad_idempotency_key` for one that cannot be a key, or for two.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let key = value.as_bytes();
        let is_key = (1..=MAX_BYTES).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
        if !is_key || values.next().is_some() {
            return Err(bad_key());
        }
        Ok(Some(Self(key.to_vec())))
    }

    /// The writer of the one batch that the key stands for, another one for each principal.
    pub(super) fn writer(&self, principal: &Principal) -> WriterId {
        let name = principal.name().as_bytes();
        let mut hasher = blake3::Hasher::new_derive_key(DOMAIN);
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name).update(&self.0);
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        WriterId::from_hash(id)
    }
}

fn bad_key() -> ApiError {
    let message = "the idempotency key has to be one of 1 to 128 visible ASCII characters";
    ApiError::new(StatusCode::BAD_REQUEST, "bad_idempotency_key", message)
        .with_field(HEADER)
        .with_hint("send a UUID, a new one for each request and the same one when the request is sent again")
}

/// The key was used for another request.
pub(super) fn conflict() -> ApiError {
    let message = "another request was counted under this idempotency key";
    ApiError::new(StatusCode::CONFLICT, "idempotency_conflict", message)
        .with_field(HEADER)
        .with_hint("nothing was counted: send new hits under a new key")
}
