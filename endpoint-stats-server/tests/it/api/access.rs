//! Who may see what, on the routes themselves.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::{Extension, Router};
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::clock::ManualClock;
use endpoint_stats_core::flush::BooksView;
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::store::{MemoryStore, StatsStore};
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::api::{self, Api};
use endpoint_stats_server::reading::StatsReader;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::seed::{Seed, Shot, hits};

const ROUTES: [&str; 10] = [
    "/v1/services",
    "/v1/endpoints",
    "/v1/totals",
    "/v1/series",
    "/v1/percentiles",
    "/v1/callers",
    "/v1/consumers",
    "/v1/unused",
    "/v1/books",
    "/v1/live",
];

async fn seeded() -> (Seed, Api) {
    let seed = tokio::task::spawn_blocking(Seed::new).await.unwrap();
    let store = Arc::new(MemoryStore::default());
    seed.fill(&*store).await;
    let live = LiveFeed::of_this_process();
    (seed, Api { reader: StatsReader::new(store), books: Some(BooksView::default()), live: Some(live), writers: None })
}

fn reader(services: &[&str]) -> Principal {
    let names = services.iter().map(|name| ServiceName::new(name).unwrap());
    Principal::new("dashboard", [Scope::Read]).bound_to(names)
}

async fn get(router: &Router, path: &str) -> (u16, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn nobody_is_answered_without_a_principal_that_reads() {
    let (_seed, api) = seeded().await;
    let nobody = api::router(api.clone());
    let sender = api::router(api).layer(Extension(Principal::new("sender", [Scope::Ingest])));

    for route in ROUTES {
        assert_eq!(get(&nobody, route).await.0, 401, "{route}");
        assert_eq!(get(&nobody, &format!("{route}?nonsense=1")).await.0, 401, "{route}");
        assert_eq!(get(&sender, route).await.0, 403, "{route}");
    }
}

#[tokio::test]
async fn a_token_bound_to_services_sees_no_others() {
    let (seed, api) = seeded().await;
    let router = api::router(api).layer(Extension(reader(&["pay", "unknown"])));
    let pay: Vec<Shot> = seed.shots.iter().filter(|shot| shot.service == "pay").cloned().collect();
    let ask = async |route: &str| get(&router, &format!("{route}?{}", seed.range())).await.1;

    assert_eq!(ask("/v1/totals").await["totals"]["hits"], hits(&pay));
    assert_eq!(ask("/v1/services").await["services"].as_array().unwrap().len(), 1);
    assert_eq!(ask("/v1/percentiles").await["latency"]["count"], hits(&pay));
    assert_eq!(ask("/v1/callers").await["services"].as_array().unwrap().len(), 1);
    let consumed = pay.iter().filter(|shot| shot.consumer == Some("acme")).count();
    assert_eq!(ask("/v1/consumers").await["consumers"][0]["hits"], consumed);
    let points = ask("/v1/series").await["points"].as_array().unwrap().clone();
    assert_eq!(points.iter().map(|point| point["hits"].as_u64().unwrap()).sum::<u64>(), hits(&pay));
    for row in ask("/v1/endpoints").await["endpoints"].as_array().unwrap() {
        assert_eq!(row["service"], "pay");
    }
    assert_eq!(get(&router, "/v1/unused").await.1["endpoints"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_bound_to_services_is_refused_others_by_name_and_what_is_of_all() {
    let (_seed, api) = seeded().await;
    let router = api::router(api).layer(Extension(reader(&["pay"])));

    for route in &ROUTES[1..8] {
        assert_eq!(get(&router, &format!("{route}?service=shop")).await.0, 403, "{route}");
        assert_eq!(get(&router, &format!("{route}?service=nobody")).await.0, 403, "{route}");
        assert_eq!(get(&router, &format!("{route}?service=pay")).await.0, 200, "{route}");
    }
    assert_eq!(get(&router, "/v1/books").await.0, 403);
    assert!(get(&router, "/v1/live").await.1["hits_by_second"].is_null());
}

#[tokio::test]
async fn a_later_page_is_of_the_range_of_the_first() {
    let (seed, api) = seeded().await;
    let clock = Arc::new(ManualClock::at(seed.base.plus_secs(4 * 3_600)));
    let api = Api { reader: api.reader.with_clock(clock.clone()), ..api };
    let router = api::router(api).layer(Extension(Principal::new("anyone", [Scope::Read])));

    let (_, first) = get(&router, "/v1/endpoints?from=-4h&limit=4").await;
    clock.set(seed.base.plus_secs(400 * 3_600));
    let next = first["next"].as_str().unwrap();
    let (_, second) = get(&router, &format!("/v1/endpoints?from=-4h&limit=4&cursor={next}")).await;

    assert_eq!(second["range"], first["range"]);
    assert_eq!(second["endpoints"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_this_process_does_not_keep_is_not_found() {
    let store: Arc<dyn StatsStore> = Arc::new(MemoryStore::default());
    let api = Api { reader: StatsReader::new(store), books: None, live: None, writers: None };
    let router = api::router(api).layer(Extension(Principal::new("anyone", [Scope::Read])));

    assert_eq!(get(&router, "/v1/books").await.1["error"]["code"], "no_books");
    assert_eq!(get(&router, "/v1/live").await.1["error"]["code"], "not_live");
    assert_eq!(get(&router, "/v1/endpoints").await.1["endpoints"], serde_json::json!([]));
}
