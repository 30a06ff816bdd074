//! Questions that are none.

use super::Asked;
use crate::http;

/// A question, the field at fault, and what the hint has to name.
const WRONG: [(&str, &str, &str); 31] = [
    ("/v1/totals?from=-1h&to=-2h", "from", ""),
    ("/v1/totals?from=yesterday", "from", "-24h"),
    ("/v1/totals?from=0001-01-01", "from", ""),
    ("/v1/totals?to=9999-12-31", "to", ""),
    ("/v1/totals?to=2015-13-45", "to", "2015-05-17"),
    ("/v1/totals?from=-99999999999999d", "from", ""),
    ("/v1/totals?form=-1h", "form", "from"),
    ("/v1/totals?from=-1h&from=-2h", "from", "once"),
    ("/v1/totals?compare=next", "compare", "previous"),
    ("/v1/totals?format=xml", "format", "csv"),
    ("/v1/totals?service=No+Such+Name", "service", "a-z"),
    ("/v1/totals?method=get", "method", "GET"),
    ("/v1/totals?route=%00", "route", "NUL"),
    ("/v1/series?from=-3650d&step=10s", "step", "at least"),
    ("/v1/series?step=15s", "step", "at least"),
    ("/v1/series?step=1", "step", ""),
    ("/v1/series?by=moon", "by", "class"),
    ("/v1/endpoints?limit=0", "limit", "1 to 1000"),
    ("/v1/endpoints?limit=1e9", "limit", "1 to 1000"),
    ("/v1/endpoints?limit=1000000000", "limit", "1 to 1000"),
    ("/v1/endpoints?sort=hits;DROP+TABLE+endpoint", "sort", "`last_called`"),
    ("/v1/endpoints?order=up", "order", "`desc`"),
    ("/v1/endpoints?cursor=00", "cursor", "next"),
    ("/v1/endpoints?search=a&search=b", "search", "once"),
    ("/v1/percentiles?q=0", "q", "above 0"),
    ("/v1/percentiles?q=95", "q", "at most 1"),
    ("/v1/percentiles?q=0.5,NaN", "q", "above 0"),
    ("/v1/consumers?sort=name", "sort", "`bytes`"),
    ("/v1/unused?since=never", "since", "-24h"),
    ("/v1/unused?from=-1h", "from", "since"),
    ("/v1/books?format=csv", "format", "leave it out"),
];

#[test]
fn a_question_that_is_none_is_refused_with_what_is_taken() {
    let asked = Asked::start();

    for (path, field, hint) in WRONG {
        let response = asked.server.get(path);
        assert_eq!(response.status, 400, "{path}: {}", response.body);
        let error = &response.json()["error"];
        assert_eq!(error["code"], "bad_query", "{path}");
        assert_eq!(error["field"], field, "{path}");
        assert!(error["hint"].as_str().unwrap_or_default().contains(hint), "{path}: {error}");
        assert!(!response.body.to_lowercase().contains("sqlite"), "{path}: {error}");
    }
}

#[test]
fn a_cursor_that_was_changed_or_belongs_elsewhere_is_refused() {
    let asked = Asked::start();
    let first = asked.ask("/v1/endpoints", "&limit=2");
    let cursor = first["next"].as_str().unwrap();
    let status = |more: String| asked.server.get(&asked.path("/v1/endpoints", &more)).status;

    let flipped = if cursor.ends_with('0') { "1" } else { "0" };
    let tampered = format!("{}{flipped}", &cursor[..cursor.len() - 1]);

    assert_eq!(status(format!("&cursor={cursor}")), 200);
    assert_eq!(status(format!("&limit=5&format=csv&cursor={cursor}")), 200);
    assert_eq!(status(format!("&cursor={tampered}")), 400);
    assert_eq!(status(format!("&sort=p99&cursor={cursor}")), 400);
    assert_eq!(status(format!("&service=shop&cursor={cursor}")), 400);
}

#[test]
fn another_method_is_refused_in_the_same_shape() {
    let asked = Asked::start();

    let request = "DELETE /v1/endpoints HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let response = http::send(asked.server.address, request).unwrap();

    assert_eq!(response.status, 405);
    assert_eq!(response.json()["error"]["code"], "method_not_allowed");
    assert!(response.head.to_lowercase().contains("allow: get,head"), "{}", response.head);
}
