//! [`Cursor`]: where the next page begins.

use std::fmt::Write;

use endpoint_stats_core::window::{TimeRange, Timestamp};
use endpoint_stats_core::{Endpoint, Method, Route, ServiceName};
use serde::{Deserialize, Serialize};

use crate::api_error::ApiError;
use crate::report::Place;

/// Tells a hash of a cursor from hashes of other things.
const CONTEXT: &[u8] = b"endpoint-stats page 1";
const CHECKSUM_BYTES: usize = 8;

/// Where the next page begins: behind which endpoint of which question, over the range of the first page.
///
/// As text it is opaque: a checksum and JSON, in hexadecimal. It holds no secret and grants nothing, so the checksum has
/// no key, and any replica reads what another one wrote.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    pub(super) question: u64,
    pub(super) range: TimeRange,
    pub(super) after: Place,
}

#[derive(Serialize, Deserialize)]
struct Written(u64, i64, i64, u64, String, String, String);

impl Cursor {
    /// The cursor as text.
    pub(super) fn encode(&self) -> String {
        let endpoint = &self.after.endpoint;
        let written = Written(
            self.question,
            self.range.from.as_unix(),
            self.range.to.as_unix(),
            self.after.key.to_bits(),
            endpoint.service().to_string(),
            endpoint.method().to_string(),
            endpoint.route().to_string(),
        );
        let json = serde_json::to_vec(&written).unwrap_or_default();
        hex(&[&checksum(&json)[..], &json].concat())
    }

    /// Reads a cursor of a question.
    ///
    /// # Errors
    ///
    /// 400 `bad_query` when it is not one, or that of another question.
    pub(super) fn decode(text: &str, question: u64) -> Result<Self, ApiError> {
        let cursor = Self::read(text).ok_or_else(|| refused("`cursor` is none that was given out"))?;
        if cursor.question == question { Ok(cursor) } else { Err(refused("`cursor` belongs to another question")) }
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = unhex(text)?;
        let (sum, json) = bytes.split_at_checked(CHECKSUM_BYTES)?;
        if sum != checksum(json) {
            return None;
        }
        let Written(question, from, to, key, service, method, route) = serde_json::from_slice(json).ok()?;
        let method = Method::from_bytes(method.as_bytes());
        let endpoint = Endpoint::new(ServiceName::new(&service).ok()?, method, Route::new(&route).ok()?);
        Some(Self {
            question,
            range: TimeRange::new(Timestamp::from_unix(from), Timestamp::from_unix(to)),
            after: Place { key: f64::from_bits(key), endpoint },
        })
    }
}

/// What tells questions apart: a hash of everything they say.
pub(super) fn identity(question: &impl Serialize) -> u64 {
    let json = serde_json::to_vec(question).unwrap_or_default();
    u64::from_le_bytes(checksum(&json))
}

fn checksum(json: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake3::Hasher::new().update(CONTEXT).update(json).finalize();
    std::array::from_fn(|at| hash.as_bytes()[at])
}

fn refused(message: &'static str) -> ApiError {
    ApiError::bad_query("cursor", message).with_hint("take `next` of the page before, and say everything else again")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        let route = Route::new("/users/{id}?\u{1f600}").unwrap();
        Cursor {
            question: 7,
            range: TimeRange::new(Timestamp::from_unix(-60), Timestamp::from_unix(i64::MAX)),
            after: Place {
                key: 0.1 + 0.2,
                endpoint: Endpoint::new(ServiceName::new("shop").unwrap(), Method::Other, route),
            },
        }
    }

    #[test]
    fn a_cursor_is_read_back_as_it_was() {
        assert_eq!(Cursor::decode(&cursor().encode(), 7).unwrap(), cursor());
    }

    #[test]
    fn a_cursor_with_another_character_is_refused() {
        let text = cursor().encode();

        for at in 0..text.len() {
            let other = if &text[at..=at] == "0" { "1" } else { "0" };
            let tampered = [&text[..at], other, &text[at + 1..]].concat();
            assert_eq!(Cursor::decode(&tampered, 7).unwrap_err().code(), "bad_query");
            assert!(Cursor::decode(&text[..at], 7).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_question_is_refused() {
        assert!(Cursor::decode(&cursor().encode(), 8).is_err());
        for wrong in ["", "0", "é", "zz", "00000000000000000000"] {
            assert!(Cursor::decode(wrong, 7).is_err(), "{wrong}");
        }
    }
}
