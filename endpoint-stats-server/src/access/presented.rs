//! [`Presented`]: the token that a request shows, and where.

use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::Token;

/// The names under which tokens are put into query strings.
const QUERY_NAMES: [&str; 2] = ["token", "access_token"];

/// The token that a request shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    Nothing,
    /// In the query string, where it is not to be.
    InQuery,
    /// In the header; what is no token is kept as it is, and known to nobody.
    InHeader(String),
}

impl Presented {
    /// Finds it in the head of a request.
    pub(super) fn in_head(head: &Parts) -> Self {
        if head.uri.query().is_some_and(holds_token) {
            return Self::InQuery;
        }
        let mut headers = head.headers.get_all(AUTHORIZATION).iter();
        match (headers.next(), headers.next()) {
            (None, _) => Self::Nothing,
            (Some(header), None) => Self::InHeader(token(header).unwrap_or_default()),
            (Some(_), Some(_)) => Self::InHeader(String::new()),
        }
    }
}

fn holds_token(query: &str) -> bool {
    let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let is_named = names.any(|name| QUERY_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)));
    is_named || Token::is_in(&percent_decode_str(query).decode_utf8_lossy())
}

/// A bearer token, or the password of Basic credentials.
fn token(header: &HeaderValue) -> Option<String> {
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn presented(uri: &str, headers: &[&str]) -> Presented {
        let mut request = Request::get(uri);
        for value in headers {
            request = request.header(AUTHORIZATION, *value);
        }
        Presented::in_head(&request.body(()).unwrap().into_parts().0)
    }

    fn in_header(text: &str) -> Presented {
        Presented::InHeader(text.to_owned())
    }

    #[test]
    fn a_token_is_a_bearer_token_or_the_password_of_basic_credentials() {
        assert_eq!(presented("/", &["Bearer es_1_2"]), in_header("es_1_2"));
        assert_eq!(presented("/", &["bearer  es_1_2 "]), in_header("es_1_2"));
        assert_eq!(presented("/", &["Basic YW5uOmVzXzFfMjo="]), in_header("es_1_2:"));
        assert_eq!(presented("/", &["basic OmVzXzFfMg=="]), in_header("es_1_2"));
    }

    #[test]
    fn what_is_no_token_is_not_nothing() {
        for header in ["Bearer", "Digest es_1_2", "Basic !", "Basic YW5u", "es_1_2", ""] {
            assert_eq!(presented("/", &[header]), in_header(""), "{header}");
        }
        assert_eq!(presented("/", &["Bearer a", "Bearer a"]), in_header(""));
        assert_eq!(presented("/", &[]), Presented::Nothing);
    }

    #[test]
    fn a_token_in_the_query_string_is_seen() {
        let token = Token::generate().unwrap().to_string();
        let encoded = token.replace('_', "%5F");

        for query in ["token=x", "a=b&access_token=", "TOKEN", &format!("q={token}"), &encoded, &format!("q=a{token}b")]
        {
            assert_eq!(presented(&format!("/stats?{query}"), &["Bearer a"]), Presented::InQuery, "{query}");
        }
        assert_eq!(presented("/stats?service=tokens&q=es_shop", &[]), Presented::Nothing);
    }
}
