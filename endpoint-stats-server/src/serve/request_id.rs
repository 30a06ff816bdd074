//! [`RequestId`]: what a request is called in answers and log lines.

use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it both ways.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longer names are not taken over.
const MAX_LEN: usize = 64;

/// What a request is called in answers and log lines: what the client calls it, or a new name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Takes over the client's name for the request if it is 1 to 64 visible ASCII characters.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(HEADER).iter();
        match (given.next().and_then(|name| name.to_str().ok()), given.next()) {
            (Some(name), None) if is_sane(name) => Self(name.into()),
            _ => Self(Uuid::new_v4().to_string().into()),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("visible ASCII is a header's value")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_sane(name: &str) -> bool {
    (1..=MAX_LEN).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(names: &[&str]) -> RequestId {
        RequestId::of(&names.iter().map(|name| (HEADER, name.parse().unwrap())).collect())
    }

    #[test]
    fn a_sane_name_is_taken_over() {
        assert_eq!(id_of(&["order-7/retry#2"]).as_str(), "order-7/retry#2");
        assert_eq!(id_of(&[&"x".repeat(64)]).as_str(), "x".repeat(64));
    }

    #[test]
    fn any_other_is_replaced() {
        for names in [&[][..], &[""], &["two words"], &["a\tb"], &["é"], &[&"x".repeat(65)], &["a", "b"]] {
            assert_eq!(id_of(names).as_str().len(), 36, "{names:?}");
        }
    }
}
