//! Services that send in the three ways there are, side by side on the pages.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use endpoint_stats_core::store::RemoteStore;
use endpoint_stats_core::store::remote::RemoteOptions;
use endpoint_stats_core::{EndpointStats, ServiceName};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};
use tower::ServiceExt;

use super::chromium::{Chromium, DESK};
use crate::command::{PATIENCE, Server};
use crate::http::{self, Response};
use crate::token::Tokens;

/// Hits by what the table says of an endpoint: service, method, route.
type Hits = BTreeMap<String, u64>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_services_stand_side_by_side() {
    let tokens = Tokens::new();
    let [shop, billing, search] = ["shop", "billing", "search"]
        .map(|service| tokens.create(service, &["--scope", "ingest", "--service", service]));
    let reader = tokens.create("reader", &["--scope", "read"]);
    let server = Server::start_with(tokens.folder.path(), &["--tokens-file", &tokens.file()]);

    serve_the_shop(server.address, &shop).await;
    bill(&server, &billing);
    let address = server.address;
    let told = format!("Bearer {search}");
    tokio::task::spawn_blocking(move || search_and_export(address, told)).await.unwrap();
    let wrong = post_hits(&server, &billing, "wrong", &invoices("shop", 1_000));

    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (403, &json!("forbidden")), "{}", wrong.body);
    let sent = hits([
        ("shop GET /products/{id}", 40),
        ("shop POST /orders", 17),
        ("billing POST /invoices", 23),
        ("billing GET /invoices/{id}", 1),
        ("search GET /search", 31),
        ("search GET /suggest", 12),
    ]);
    wait_for_stats(&server, &reader, &sent).await;
    let browser = Chromium::start().await;
    browser.open(&format!("http://{address}/")).await;
    let mut shown = shown(&browser).await;
    shown.retain(|name, _| !name.starts_with("endpoint-stats"));
    assert_eq!(shown, sent);
    take_picture(&browser).await;

    shows_one_alone(&browser, "billing", &sent).await;
    browser.click("nav a[href*='books']").await;
    assert_eq!(browser.texts("[aria-labelledby=writers] tbody td:nth-of-type(1)").await, ["shop"]);
    assert_eq!(browser.texts("[aria-labelledby=writers] tbody td:nth-of-type(3)").await, ["57"]);
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.quit().await;
}

/// A service with the layer, whose batches go to the server.
async fn serve_the_shop(server: SocketAddr, token: &str) {
    let options = RemoteOptions::from_url(&format!("http://{server}")).unwrap().with_token(token);
    let stats = EndpointStats::builder(ServiceName::new("shop").unwrap())
        .with_store(RemoteStore::connect(options).unwrap())
        .start();
    let app = Router::new()
        .route("/products/{id}", get(async || "a product"))
        .route("/orders", post(async || StatusCode::CREATED))
        .layer(stats.layer());
    for n in 0..57 {
        let request = match n {
            0..40 => Request::get(format!("/products/{n}")),
            _ => Request::post("/orders"),
        };
        let answer = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        to_bytes(answer.into_body(), 1_024).await.unwrap();
    }

    let written = stats.shutdown(PATIENCE).await;

    assert_eq!((written.books.stored, written.books.dropped), (57, 0), "{written:?}");
}

/// A service in any language, which does not know whether its first try came through.
fn bill(server: &Server, token: &str) {
    let hits = invoices("billing", 23);
    let results = ["a", "a"].map(|key| post_hits(server, token, key, &hits).json()["result"].clone());
    assert_eq!(results, ["applied", "duplicate"]);
}

fn invoices(service: &str, count: u64) -> Value {
    json!([
        { "service": service, "method": "POST", "route": "/invoices", "status": 201, "duration_ms": 48, "count": count },
        { "service": service, "method": "GET", "route": "/invoices/{id}", "status": 404, "duration_ms": 3 },
    ])
}

fn post_hits(server: &Server, token: &str, key: &str, hits: &Value) -> Response {
    let body = hits.to_string();
    let head = [
        "POST /v1/hits HTTP/1.1",
        "host: localhost",
        "connection: close",
        "content-type: application/json",
        &format!("authorization: Bearer {token}"),
        &format!("idempotency-key: {key}"),
        &format!("content-length: {}", body.len()),
    ];
    http::send(server.address, &format!("{}\r\n\r\n{body}", head.join("\r\n"))).expect("the server answers")
}

/// A service with OpenTelemetry, which tells its totals twice.
fn search_and_export(server: SocketAddr, authorization: String) {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("http://{server}/v1/metrics"))
        .with_headers([("authorization".to_owned(), authorization)].into())
        .with_timeout(PATIENCE)
        .with_temporality(Temporality::Cumulative)
        .build()
        .unwrap();
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter)
        .with_resource(Resource::builder_empty().with_service_name("search").build())
        .build();
    let durations = provider
        .meter("test")
        .f64_histogram("http.server.request.duration")
        .with_unit("s")
        .with_boundaries(vec![0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0])
        .build();
    for (route, count) in [("/search", 31), ("/suggest", 12)] {
        let attributes = [
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", route),
            KeyValue::new("http.response.status_code", 200),
        ];
        for _ in 0..count {
            durations.record(Duration::from_millis(9).as_secs_f64(), &attributes);
        }
        provider.force_flush().unwrap();
    }
    provider.shutdown().unwrap();
}

fn hits<const N: usize>(endpoints: [(&str, u64); N]) -> Hits {
    endpoints.map(|(name, hits)| (name.to_owned(), hits)).into()
}

/// Waits until `/stats` has what was sent, and nothing more.
async fn wait_for_stats(server: &Server, token: &str, sent: &Hits) {
    let authorization = format!("authorization: Bearer {token}");
    let route = |name: &str| name.rsplit(' ').next().unwrap().to_owned();
    let expected: Hits = sent.iter().map(|(name, hits)| (route(name), *hits)).collect();
    let mut looks = interval(Duration::from_millis(50));
    let until = Instant::now() + PATIENCE;
    loop {
        looks.tick().await;
        let answer = http::get_with(server.address, "/stats", &["host: localhost", &authorization]).unwrap().json();
        let mut stats: Hits = serde_json::from_value(answer["stats"].clone()).unwrap();
        stats.retain(|route, _| expected.contains_key(route));
        if stats == expected {
            return;
        }
        assert!(Instant::now() < until, "{stats:?} are never {expected:?}");
    }
}

/// What the table of the overview says.
async fn shown(browser: &Chromium) -> Hits {
    let [services, methods, routes, hits] =
        ["tbody .service", "tbody .method", "tbody .route", "tbody td:nth-of-type(2)"].map(|cell| browser.texts(cell));
    let (services, methods, routes, hits) = tokio::join!(services, methods, routes, hits);
    let names = services.into_iter().zip(methods).zip(routes);
    names.zip(hits).map(|(((a, b), c), hits)| (format!("{a} {b} {c}"), hits.parse().unwrap())).collect()
}

async fn shows_one_alone(browser: &Chromium, service: &str, sent: &Hits) {
    let choose = "const field = document.querySelector('select'); field.value = arguments[0];
                  field.dispatchEvent(new Event('change'))";
    browser.run(choose, vec![json!(service)]).await;
    browser.wait_for(&format!("document.querySelector('h1').innerText === '{service}'")).await;
    let mut expected = sent.clone();
    expected.retain(|name, _| name.starts_with(service));

    assert_eq!(shown(browser).await, expected);
}

async fn take_picture(browser: &Chromium) {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures");
    fs::create_dir_all(&pictures).unwrap();
    browser.resize(DESK).await;
    fs::write(pictures.join("three-services.png"), browser.picture(1_150).await).unwrap();
}
