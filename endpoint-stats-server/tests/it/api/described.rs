//! `/openapi.json` and `/docs`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use endpoint_stats_core::store::MemoryStore;
use endpoint_stats_server::api::{self, Api};
use endpoint_stats_server::reading::StatsReader;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

fn router() -> Router {
    api::router(Api {
        reader: StatsReader::new(Arc::new(MemoryStore::default())),
        books: None,
        live: None,
        writers: None,
    })
}

async fn get(router: &Router, path: &str) -> Response {
    router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn the_document_describes_each_route() {
    let document: Value = serde_json::from_str(&text(get(&router(), "/openapi.json").await).await).unwrap();

    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/v1/books",
            "/v1/callers",
            "/v1/consumers",
            "/v1/endpoints",
            "/v1/live",
            "/v1/percentiles",
            "/v1/series",
            "/v1/services",
            "/v1/totals",
            "/v1/unused"
        ]
    );
    let endpoints = &document["paths"]["/v1/endpoints"]["get"];
    let names: Vec<_> = endpoints["parameters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(
        names,
        ["from", "to", "service", "method", "route", "search", "sort", "order", "limit", "cursor", "format"]
    );
    assert_eq!(
        endpoints["responses"]["400"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/ErrorBody"
    );
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[tokio::test]
async fn the_page_works_under_a_prefix() {
    let nested = Router::new().nest("/stats-ui", router());

    let moved = get(&nested, "/stats-ui/docs").await;
    assert_eq!(moved.status(), 308);
    assert_eq!(moved.headers()["location"], "docs/");
    let page = get(&nested, "/stats-ui/docs/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
    let page = text(page).await;
    let links = page.split(['"', '\'']).filter(|part| part.contains(".js") || part.contains(".css"));
    for link in links {
        let path = format!("/stats-ui/docs/{}", link.trim_start_matches("./"));
        assert_eq!(get(&nested, &path).await.status(), 200, "{link}");
    }
    let script = text(get(&nested, "/stats-ui/docs/swagger-initializer.js").await).await;
    assert!(script.contains("\"../openapi.json\""), "{script}");
    assert!(!script.contains("http"), "{script}");
    assert_eq!(get(&nested, "/stats-ui/openapi.json").await.status(), 200);
    assert_eq!(get(&nested, "/stats-ui/docs/nothing.js").await.status(), 404);
}
