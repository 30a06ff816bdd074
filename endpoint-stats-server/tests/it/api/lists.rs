//! `/v1/endpoints`: rows, filters, orders and pages.

use std::collections::BTreeSet;

use serde_json::Value;

use super::seed::{Shot, bytes, callers, errors, hits, is_near, quantile};
use super::{Asked, header};
use crate::http;

const SORTS: [&str; 10] =
    ["hits", "errors", "error_rate", "p50", "p95", "p99", "bytes", "callers", "name", "last_called"];

/// Two durations of one bucket of a sketch are the same to it.
const IN_ONE_BUCKET: f64 = 0.978;

fn names(page: &Value) -> Vec<(String, String)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    page["endpoints"].as_array().unwrap().iter().map(|row| (text(row, "service"), text(row, "route"))).collect()
}

#[test]
fn each_row_says_what_its_endpoint_did() {
    let asked = Asked::start();

    let answer = asked.ask("/v1/endpoints", "");

    let truth = asked.seed.by_endpoint();
    assert_eq!(answer["total"], truth.len());
    for row in answer["endpoints"].as_array().unwrap() {
        let shots = &truth[&(row["service"].as_str().unwrap(), row["route"].as_str().unwrap())];
        assert_eq!(row["hits"], hits(shots));
        assert_eq!(row["errors"], errors(shots));
        assert_eq!(row["response_bytes"], bytes(shots));
        assert!(row["callers"].as_u64().unwrap().abs_diff(callers(shots)) <= 1, "{row}");
        assert!(is_near(&row["latency"]["p50"], quantile(shots, 0.5)), "{row}");
        assert!(is_near(&row["duration"]["p99"], 2.0 * quantile(shots, 0.99)), "{row}");
        let last = shots.iter().map(|shot| shot.hour).max().unwrap();
        assert_eq!(row["last_called"], asked.seed.time(last).replace(":00Z", ":07Z"));
    }
}

#[test]
fn a_filter_and_a_search_select() {
    let asked = Asked::start();
    let found = |more: &str| names(&asked.ask("/v1/endpoints", more)).len();

    assert_eq!(found("&service=shop"), 4);
    assert_eq!(found("&service=nobody"), 0);
    assert_eq!(found("&method=GET"), 7);
    assert_eq!(found("&method=POST"), 0);
    assert_eq!(found("&route=/carts/%7Bid%7D"), 1);
    assert_eq!(found("&route=/carts"), 0);
    assert_eq!(found("&search=%7BID%7D"), 2);
    assert_eq!(found("&search=pay+get"), 2);
    assert_eq!(found("&service=shop&search=sum("), 1);
    assert_eq!(found("&service=&method=&route=&search="), 7);
}

#[test]
fn each_order_is_that_of_the_numbers_put_in() {
    let asked = Asked::start();
    let truth = asked.seed.by_endpoint();
    let key = |sort: &str, shots: &[Shot]| match sort {
        "hits" => hits(shots) as f64,
        "errors" => errors(shots) as f64,
        "error_rate" => errors(shots) as f64 / hits(shots) as f64,
        "p50" => quantile(shots, 0.5),
        "p95" => quantile(shots, 0.95),
        "p99" => quantile(shots, 0.99),
        "bytes" => bytes(shots) as f64,
        _ => callers(shots) as f64,
    };

    for sort in &SORTS[..8] {
        let sorted = names(&asked.ask("/v1/endpoints", &format!("&sort={sort}")));
        let keys: Vec<_> = sorted.iter().map(|(a, b)| key(sort, &truth[&(a.as_str(), b.as_str())])).collect();
        assert!(keys.is_sorted_by(|a, b| *a >= b * IN_ONE_BUCKET), "{sort}: {keys:?}");

        let ascending = names(&asked.ask("/v1/endpoints", &format!("&sort={sort}&order=asc")));
        let keys: Vec<_> = ascending.iter().map(|(a, b)| key(sort, &truth[&(a.as_str(), b.as_str())])).collect();
        assert!(keys.is_sorted_by(|a, b| a * IN_ONE_BUCKET <= *b), "{sort}: {keys:?}");
    }
    let by_name = names(&asked.ask("/v1/endpoints", "&sort=name"));
    assert!(by_name.is_sorted(), "{by_name:?}");
    let last_first = names(&asked.ask("/v1/endpoints", "&sort=name&order=desc"));
    assert!(last_first.is_sorted_by(|a, b| a >= b), "{last_first:?}");
}

#[test]
fn pages_visit_each_endpoint_once_in_the_order_of_the_whole() {
    let asked = Asked::start();

    for sort in SORTS {
        for order in ["asc", "desc"] {
            let whole = names(&asked.ask("/v1/endpoints", &format!("&sort={sort}&order={order}")));
            let mut visited = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = asked.ask("/v1/endpoints", &format!("&sort={sort}&order={order}&limit=2{cursor}"));
                visited.extend(names(&page));
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(visited, whole, "{sort} {order}");
            assert_eq!(visited.iter().collect::<BTreeSet<_>>().len(), 7);
        }
    }
}

#[test]
fn a_link_leads_through_pages_of_csv() {
    let asked = Asked::start();
    let mut path = asked.path("/v1/endpoints", "&format=csv&limit=3");
    let mut rows = 0;

    for expected in [3, 3, 1] {
        let page = http::get(asked.server.address, &path).unwrap();
        assert_eq!(page.body.lines().count() - 1, expected);
        rows += expected;
        match header(&page, "link") {
            Some(link) => {
                let query = link.strip_prefix("<?").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
                path = format!("/v1/endpoints?{query}");
            }
            None => assert_eq!(rows, 7),
        }
    }
}

#[test]
fn a_cell_that_a_spreadsheet_would_run_is_shown_as_text() {
    let asked = Asked::start();

    let endpoints = asked.csv("/v1/endpoints", "&sort=name");
    let consumers = asked.csv("/v1/consumers", "");

    let cells: BTreeSet<_> = endpoints.iter().chain(&consumers).flatten().collect();
    for guarded in ["'=HYPERLINK(1)", "'@SUM(A1)", "'-dash", "'=cmd|' /C calc'!A0"] {
        assert!(cells.contains(guarded), "{guarded}");
    }
    assert!(!cells.iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])), "{cells:?}");
    assert_eq!(endpoints.len(), 8);
    assert_eq!(&endpoints[0][3], "hits");
    assert_eq!(&endpoints[1][3], "140");
}
