//! The document of a whole server.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::store::remote::{BATCH_TYPE, paths};
use endpoint_stats_core::store::{MemoryStore, StatsStore};
use endpoint_stats_core::{EndpointStats, ServiceName};
use endpoint_stats_server::access::{Access, AccessOptions, WithoutToken};
use endpoint_stats_server::api_error::ApiError;
use endpoint_stats_server::ingest::Ingest;
use endpoint_stats_server::serve::{self, RequestLimits};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

fn server() -> Router {
    let store: Arc<dyn StatsStore> = Arc::new(MemoryStore::default());
    let stats =
        EndpointStats::builder(ServiceName::new("stats").unwrap()).with_shared_store(Arc::clone(&store)).start();
    let access =
        Access::without_tokens(AccessOptions { without_token: WithoutToken::Everything, ..AccessOptions::default() });
    serve::routes(&stats, LiveFeed::of_this_process(), Ingest::new(store), access, RequestLimits::default())
}

async fn document(router: &Router) -> Value {
    let asked = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(asked).await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// A router shows its routes to those who debug it, and to nobody else.
fn routes(router: &Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let quoted = shown.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with("/v1/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn each_route_under_v1_is_described_but_for_those_of_the_library() {
    let server = server();

    let document = document(&server).await;

    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let (of_the_library, others): (BTreeSet<_>, _) =
        routes(&server).into_iter().partition(|route| route.starts_with("/v1/remote/"));
    assert_eq!(of_the_library.len(), 4, "{of_the_library:?}");
    assert_eq!(others, described);
    let batch = &document["paths"][paths::BATCHES]["post"]["requestBody"]["content"];
    assert!(batch[BATCH_TYPE].is_object(), "{batch}");
    let methods: Vec<_> = document["paths"]["/v1/endpoints"].as_object().unwrap().keys().collect();
    assert_eq!(methods, ["get", "post"]);
}

#[tokio::test]
async fn what_can_be_sent_is_described_with_its_fields_and_refusals() {
    let document = document(&server()).await;

    let hits = &document["paths"]["/v1/hits"]["post"];
    let names: Vec<_> = hits["parameters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["service", "idempotency-key"]);
    let types: Vec<_> = hits["requestBody"]["content"].as_object().unwrap().keys().collect();
    assert_eq!(types, ["application/json", "application/x-ndjson"]);
    let hit = &document["components"]["schemas"]["Hit"];
    assert_eq!(hit["required"], serde_json::json!(["method", "route", "status"]));
    assert_eq!(hit["properties"].as_object().unwrap().len(), 14);
    for status in ["400", "401", "403", "408", "409", "413", "415", "422", "429", "503"] {
        assert_eq!(
            hits["responses"][status]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/ErrorBody",
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_described_is_refused_by_every_route() {
    let server = server();
    let document = document(&server).await;
    let described = document["paths"].as_object().unwrap().iter();
    let described = described.flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |m| (path, m)));
    let of_the_library = [("GET", paths::READY), ("GET", paths::ENDPOINTS), ("POST", paths::QUERY)];
    let routes: Vec<_> = described.map(|(path, method)| (method.to_uppercase(), path.clone())).collect();
    assert!(routes.len() >= 15, "{routes:?}");

    for (method, path) in routes.into_iter().chain(of_the_library.map(|(m, path)| (m.to_owned(), path.to_owned()))) {
        let request = Request::builder().method(&*method).uri(format!("{path}?no_such=1")).header("host", "localhost");
        let answer = server.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();

        assert_eq!(answer.status(), 400, "{method} {path}");
        let refusal = format!("{:?}", answer.extensions().get::<ApiError>());
        assert!(refusal.contains(r#"field: Some("no_such")"#), "{method} {path}: {refusal}");
    }
}
