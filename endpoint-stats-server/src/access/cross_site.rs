//! Whether a browser sends something at the wish of another site.

use axum::http::HeaderName;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;

/// Whether a page of another site makes a browser send more than a question; other programs are never meant.
///
/// A browser says so in `Sec-Fetch-Site`, or over plain HTTP only by an `Origin` that is not the host asked for.
pub(super) fn is_cross_site(head: &Parts) -> bool {
    let header = |name: &HeaderName| head.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if head.method.is_safe() {
        return false;
    }
    if let Some(site) = header(&HeaderName::from_static("sec-fetch-site")) {
        return !["same-origin", "none"].contains(&site);
    }
    header(&ORIGIN).is_some_and(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_none() || host != header(&HOST)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, Request};

    use super::*;

    fn is_refused(method: &Method, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).header(HOST, "stats.example:9999");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_cross_site(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn what_another_site_sends_is_refused() {
        for header in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "http://stats.example"),
            ("origin", "null"),
        ] {
            assert!(is_refused(&Method::POST, &[header]), "{header:?}");
            assert!(!is_refused(&Method::GET, &[header]), "{header:?}");
        }
    }

    #[test]
    fn what_the_own_pages_and_other_programs_send_is_not() {
        assert!(!is_refused(&Method::POST, &[]));
        assert!(!is_refused(&Method::POST, &[("origin", "http://stats.example:9999")]));
        assert!(!is_refused(&Method::POST, &[("sec-fetch-site", "none")]));
        assert!(!is_refused(&Method::POST, &[("sec-fetch-site", "same-origin"), ("origin", "https://proxy.example")]));
    }
}
