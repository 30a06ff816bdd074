//! What stands in the answers about a range, and when a client may keep them.

use std::collections::BTreeSet;

use endpoint_stats_core::store::SqliteStore;

use super::seed::{HOURS, Shot, bytes, callers, errors, hits, is_near, quantile};
use super::{Asked, get_with, header};
use crate::command::file;

fn of_hours(asked: &Asked, hours: std::ops::Range<i64>) -> Vec<Shot> {
    asked.seed.shots.iter().filter(|shot| hours.contains(&shot.hour)).cloned().collect()
}

#[test]
fn totals_are_the_sums_of_what_was_put_in() {
    let asked = Asked::start();
    let shots = &asked.seed.shots;

    let answer = asked.ask("/v1/totals", "");

    assert_eq!(answer["totals"]["hits"], hits(shots));
    assert_eq!(answer["totals"]["errors"], errors(shots));
    assert_eq!(answer["totals"]["response_bytes"], bytes(shots));
    assert_eq!(answer["totals"]["outcomes"]["500"], errors(shots));
    assert_eq!(answer["range"]["from"], asked.seed.time(0));
    assert_eq!(answer["range"]["to"], asked.seed.time(HOURS));
    assert!(answer["previous"].is_null());
}

#[test]
fn the_range_before_is_told_when_it_is_asked_for() {
    let asked = Asked::start();
    let path = format!("/v1/totals?{}&compare=previous", asked.seed.hours(2, 4));

    let answer = asked.server.get(&path).json();

    assert_eq!(answer["totals"]["hits"], hits(&of_hours(&asked, 2..4)));
    assert_eq!(answer["previous"]["totals"]["hits"], hits(&of_hours(&asked, 0..2)));
    assert_eq!(answer["previous"]["range"]["from"], asked.seed.time(0));
    assert_eq!(answer["previous"]["range"]["to"], asked.seed.time(2));
}

#[test]
fn a_series_tells_each_step() {
    let asked = Asked::start();

    let answer = asked.ask("/v1/series", "&step=1h&by=class");

    assert_eq!(answer["step_secs"], 3_600);
    let points = answer["points"].as_array().unwrap();
    assert_eq!(points.len(), 4);
    for (hour, point) in (0..).zip(points) {
        let shots = of_hours(&asked, hour..hour + 1);
        assert_eq!(point["start"], asked.seed.time(hour));
        assert_eq!(point["hits"], hits(&shots));
        assert_eq!(point["classes"]["5xx"], errors(&shots));
        assert_eq!(point["classes"]["2xx"], shots.iter().filter(|shot| shot.status < 300).count());
        assert!(is_near(&point["latency"]["p95"], quantile(&shots, 0.95)), "{point}");
    }
    let rows = asked.csv("/v1/series", "&step=1h&by=class&service=shop");
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0].iter().filter(|name| name.ends_with("xx")).count(), 5);
}

#[test]
fn a_series_without_a_step_has_a_comfortable_one() {
    let asked = Asked::start();

    assert_eq!(asked.ask("/v1/series", "")["step_secs"], 300);
    assert_eq!(asked.ask("/v1/series", "&step=auto")["step_secs"], 300);
}

#[test]
fn percentiles_are_those_of_what_was_put_in() {
    let asked = Asked::start();

    let answer = asked.ask("/v1/percentiles", "&q=0.01,0.5,0.999,1&service=shop");

    let shots: Vec<_> = asked.seed.shots.iter().filter(|shot| shot.service == "shop").cloned().collect();
    assert_eq!(answer["latency"]["count"], hits(&shots));
    for found in answer["latency"]["quantiles"].as_array().unwrap() {
        let expected = quantile(&shots, found["q"].as_f64().unwrap());
        assert!(is_near(&found["secs"], expected), "{found} {expected}");
    }
    assert_eq!(asked.csv("/v1/percentiles", "&q=0.5,1").len(), 3);
}

#[test]
fn callers_are_counted_once_each() {
    let asked = Asked::start();

    let answer = asked.ask("/v1/callers", "");

    assert!(answer["callers"].as_u64().unwrap().abs_diff(callers(&asked.seed.shots)) <= 1, "{answer}");
    for row in answer["services"].as_array().unwrap() {
        let of_service = |shot: &&Shot| shot.service == row["service"].as_str().unwrap();
        let shots: Vec<_> = asked.seed.shots.iter().filter(of_service).cloned().collect();
        assert!(row["callers"].as_u64().unwrap().abs_diff(callers(&shots)) <= 1, "{row}");
    }
}

#[test]
fn the_consumers_that_did_most_come_first() {
    let asked = Asked::start();
    let of = |name: &str| -> Vec<_> {
        asked.seed.shots.iter().filter(|shot| shot.consumer == Some(name)).cloned().collect()
    };

    for (sort, field) in [("hits", "hits"), ("errors", "errors"), ("bytes", "response_bytes")] {
        let answer = asked.ask("/v1/consumers", &format!("&sort={sort}"));
        let consumers = answer["consumers"].as_array().unwrap();
        assert_eq!(answer["total"], 3);
        assert!(consumers.is_sorted_by(|a, b| a[field].as_u64() >= b[field].as_u64()), "{answer}");
        for one in consumers {
            let shots = of(one["consumer"].as_str().unwrap());
            assert_eq!(one["hits"], hits(&shots));
            assert_eq!(one["errors"], errors(&shots));
            assert_eq!(one["response_bytes"], bytes(&shots));
        }
    }
    assert_eq!(asked.ask("/v1/consumers", "&limit=2")["consumers"].as_array().unwrap().len(), 2);
}

#[test]
fn services_tell_their_endpoints_and_hits() {
    let asked = Asked::start();

    let answer = asked.ask("/v1/services", "");

    let services: BTreeSet<_> = asked.seed.shots.iter().map(|shot| shot.service).collect();
    for name in services {
        let shots: Vec<_> = asked.seed.shots.iter().filter(|shot| shot.service == name).cloned().collect();
        let row = answer["services"].as_array().unwrap().iter().find(|row| row["service"] == name).unwrap();
        let routes = shots.iter().map(|shot| shot.route).collect::<BTreeSet<_>>().len();
        assert_eq!(row["endpoints"], routes + usize::from(name != "-dash"));
        assert_eq!(row["hits"], hits(&shots));
        assert_eq!(row["errors"], errors(&shots));
        assert_eq!(row["last_called"], asked.seed.time(3).replace(":00Z", ":07Z"));
    }
}

#[test]
fn endpoints_that_nobody_calls_are_told() {
    let asked = Asked::start();
    let routes = |query: &str| {
        let answer = asked.server.get(&format!("/v1/unused{query}")).json();
        answer["endpoints"].as_array().unwrap().iter().map(|row| row["route"].to_string()).collect::<Vec<_>>()
    };

    assert_eq!(routes(""), ["\"/never\"", "\"/never\""]);
    assert_eq!(routes("?service=shop"), ["\"/never\""]);
    assert_eq!(routes("?since=-1d&service=pay").len(), 3);
    assert_eq!(routes("?since=-30d&service=pay").len(), 1);
    assert_eq!(routes("?since=-1d&route=/refunds").len(), 1);
}

#[test]
fn books_and_the_last_seconds_are_told() {
    let asked = Asked::start();

    let books = asked.server.get("/v1/books").json();
    let live = asked.server.get("/v1/live").json();

    let of = |name: &str| books[name].as_u64().unwrap();
    assert_eq!(of("observed") + of("found"), of("stored") + of("pending") + of("spooled") + of("dropped"));
    assert_eq!(books["balance"], true);
    assert_eq!(live["scope"], "this process");
    assert_eq!(live["hits_by_second"].as_array().unwrap().len(), 10);
    assert_eq!(asked.server.get("/live").json()["seconds"], 10);
}

#[test]
fn the_books_have_the_terms_and_the_reasons_that_their_description_names() {
    let asked = Asked::start();
    let schemas = &asked.server.get("/openapi.json").json()["components"]["schemas"];
    let described = |schema: &str| names(&schemas[schema]["properties"]);

    let books = asked.server.get("/v1/books").json();

    assert_eq!(names(&books), described("BooksAnswer"));
    assert_eq!(names(&books["dropped_by_reason"]), described("DroppedByReason"));
    assert_eq!(names(&books["dropped_by_reason"]), ["baseline", "rejected", "spool_full", "spool_unreadable"]);
}

/// The names of an object's fields, sorted.
fn names(object: &serde_json::Value) -> Vec<String> {
    let mut names: Vec<_> = object.as_object().expect("an object").keys().cloned().collect();
    names.sort();
    names
}

#[test]
fn a_client_that_has_the_answer_is_not_sent_it_again() {
    let asked = Asked::start();
    let path = asked.path("/v1/totals", "");

    let first = asked.server.get(&path);
    let tag = header(&first, "etag").expect("a range that is over has a tag");
    let again = get_with(asked.server.address, &path, &format!("if-none-match: \"x\", {tag}"));
    let as_csv = get_with(asked.server.address, &path, &format!("accept: text/csv\r\nif-none-match: {tag}"));

    assert_eq!(header(&first, "cache-control"), Some("private, max-age=60"));
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(header(&again, "etag"), Some(tag));
    assert_eq!(as_csv.status, 200);
    assert!(as_csv.body.starts_with("from,to,hits"), "{}", as_csv.body);
}

#[test]
fn a_late_batch_makes_another_answer_of_a_range_that_is_over() {
    let asked = Asked::start();
    let path = asked.path("/v1/totals", "");
    let first = asked.server.get(&path);
    let tag = header(&first, "etag").expect("a range that is over has a tag");

    tokio::runtime::Runtime::new().unwrap().block_on(async {
        asked.seed.fill(&SqliteStore::open(file(asked.seed.folder.path())).await.unwrap()).await;
    });
    let second = get_with(asked.server.address, &path, &format!("if-none-match: {tag}"));

    assert_eq!(second.status, 200);
    assert_eq!(second.json()["totals"]["hits"], 2 * hits(&asked.seed.shots));
}

#[test]
fn an_answer_about_now_is_not_kept() {
    let asked = Asked::start();

    for path in ["/v1/totals?from=-1h", "/v1/endpoints", "/v1/services", "/v1/books", "/v1/live", "/v1/unused"] {
        let response = asked.server.get(path);
        assert_eq!(header(&response, "cache-control"), Some("no-store"), "{path}");
        assert_eq!(header(&response, "etag"), None, "{path}");
    }
}
