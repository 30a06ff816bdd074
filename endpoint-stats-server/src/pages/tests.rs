//! The pages as responses.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::clock::{Clock, SystemClock};
use endpoint_stats_core::store::live::LiveFeed;
use endpoint_stats_core::store::{
    Applied, Batch, EndpointStatus, MemoryStore, Retention, RolledUp, StatsQuery, StatsReport, StatsStore, StoreError,
    StoreErrorKind, WriterId, WriterState,
};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::Dashboard;

/// Much more than a page.
const MOST_BYTES: usize = 10 << 20;

fn endpoint(route: &str) -> Endpoint {
    Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new(route).unwrap())
}

async fn store_with(routes: &[String]) -> Arc<dyn StatsStore> {
    let store = MemoryStore::default();
    let now = SystemClock.now();
    let deltas = routes.iter().flat_map(|route| {
        (0..24).map(move |hour| {
            let at = now.minus_secs(3_600 * hour);
            let outcomes = [(Outcome::Status(200), 123_456), (Outcome::Status(500), 12)].into_iter().collect();
            let mut counts = Counts { outcomes, ..Counts::default() };
            counts.latency.record(Duration::from_millis(12));
            Delta {
                endpoint: endpoint(route),
                window: Window::containing(at, Width::Hour),
                first_at: at,
                last_at: at,
                counts,
            }
        })
    });
    store.apply(&Batch::new(WriterId::random(), 1, deltas.collect())).await.unwrap();
    Arc::new(store)
}

async fn get(app: &Router, path: &str) -> Response<Body> {
    app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

async fn page(app: &Router, path: &str) -> (StatusCode, String) {
    let response = get(app, path).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), MOST_BYTES).await.unwrap();
    (status, String::from_utf8(body.into()).unwrap())
}

async fn shop() -> Router {
    Dashboard::new(store_with(&["/users/{id}".to_owned()]).await).into_router()
}

#[tokio::test]
async fn every_page_has_a_strict_policy() {
    let app = shop().await;

    for path in
        ["/", "/live", "/unused", "/books", "/endpoint?service=shop&method=GET&route=/users/{id}", "/?sort=colour"]
    {
        let response = get(&app, path).await;
        let head = response.headers();

        let policy = head[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(head[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(head[header::REFERRER_POLICY], "no-referrer", "{path}");
        let (_, html) = page(&app, path).await;
        assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick"), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_shown_is_said_with_status_400() {
    let app = shop().await;
    let endpoint = "/endpoint?service=shop&method=GET&route=/users/{id}";

    for path in [
        "/?from=yesterday",
        "/?from=-1h&to=-2h",
        "/?from=0001-01-01",
        "/?sort=colour",
        "/?order=up",
        "/?page=0",
        "/?page=-1",
        "/?service=Sh%00p",
        "/?from=%ff",
        "/?from=-1h&from=-2h",
        "/endpoint",
        "/unused?since=never",
        "/endpoint?service=shop&method=BREW&route=/",
        &format!("{endpoint}&from=-1y"),
        "/live?service=a&service=b",
    ] {
        let (status, html) = page(&app, &path.replace('{', "%7B").replace('}', "%7D")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(html.contains("That cannot be shown"), "{path}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_known_is_not_found() {
    let (status, html) = page(&shop().await, "/endpoint?service=shop&method=GET&route=/nowhere").await;

    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(html.contains("no such endpoint"));
}

#[tokio::test]
async fn names_are_shown_as_text() {
    let routes = ["/<script>alert(1)</script>", "/\"onclick='x'", "/\u{202e}gnirts", &format!("/{}", "é".repeat(250))]
        .map(str::to_owned);
    let app = Dashboard::new(store_with(&routes).await).into_router();

    let (status, html) = page(&app, "/").await;

    assert_eq!(status, StatusCode::OK);
    assert_eq!(html.matches("<script").count(), 1, "only our own script");
    assert!(html.contains("&#60;script&#62;alert(1)&#60;/script&#62;") && !html.contains("\"onclick"), "{html}");
    assert!(html.contains("<bdi class=\"route\">/\u{202e}gnirts</bdi>"));
    let (status, html) = page(&app, "/?search=%3Cscript%3E").await;
    assert!(status == StatusCode::OK && html.contains("value=\"&#60;script&#62;\""), "{html}");
}

#[tokio::test]
async fn an_overview_of_a_thousand_endpoints_is_small() {
    let routes: Vec<_> = (0..1_000).map(|i| format!("/shop/departments/{i}/products/{{id}}/reviews")).collect();
    let app = Dashboard::new(store_with(&routes).await).into_router();

    let (status, html) = page(&app, "/").await;

    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("1 to 100 of 1000") && html.contains("rel=\"next\""), "{html}");
    assert!(html.len() <= 150_000, "{} bytes", html.len());
    let (_, last) = page(&app, "/?page=10").await;
    assert!(last.contains("901 to 1000 of 1000") && !last.contains("rel=\"next\""));
    let (status, past) = page(&app, "/?page=99999").await;
    assert!(status == StatusCode::OK && past.contains("rel=\"prev\""));
}

#[tokio::test]
async fn an_empty_store_says_how_to_begin() {
    let (status, html) = page(&Dashboard::new(Arc::new(MemoryStore::default())).into_router(), "/").await;

    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("No service has sent a hit yet") && html.contains("stats.layer()"));
    assert!(!html.contains("v1/hits"), "an embedded dashboard takes no hits");
}

#[tokio::test]
async fn a_service_past_its_limit_of_endpoints_is_named_on_every_page() {
    let app = Dashboard::new(store_with(&["_OVERFLOW".to_owned()]).await).into_router();

    for path in ["/", "/live", "/unused", "/books", "/endpoint?service=shop&method=GET&route=_OVERFLOW"] {
        assert!(page(&app, path).await.1.contains("Past the limit of endpoints:</strong> shop"), "{path}");
    }
    assert!(!page(&app, "/?from=2020-01-01&to=2020-01-02").await.1.contains("Past the limit"));
}

#[tokio::test]
async fn a_store_that_is_away_is_said_with_status_503() {
    let app = Dashboard::new(Arc::new(Away)).into_router();

    for path in ["/", "/unused", "/books", "/endpoint?service=shop&method=GET&route=/"] {
        let response = get(&app, path).await;
        assert_eq!(response.headers()[header::RETRY_AFTER], "1", "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
        let (status, html) = page(&app, path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(html.contains("The store cannot be reached") && !html.contains("secret host"), "{path}: {html}");
    }
}

#[tokio::test]
async fn the_65th_who_watches_is_sent_away_until_another_goes() {
    let feed = LiveFeed::of_this_process();
    let app = Dashboard::new(Arc::new(MemoryStore::default())).with_live(feed).into_router();
    let mut watching = Vec::new();
    for _ in 0..64 {
        watching.push(get(&app, "/live/events").await);
    }

    let sent_away = get(&app, "/live/events").await;
    assert_eq!(sent_away.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(sent_away.headers().contains_key(header::RETRY_AFTER));
    drop(watching.pop());

    let mut stream = get(&app, "/live/events").await;
    assert_eq!(stream.status(), StatusCode::OK);
    let first = stream.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"data:"), "{first:?}");
}

/// A store that cannot be reached.
#[derive(Debug)]
struct Away;

fn away() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "ask the secret host")
}

#[async_trait]
impl StatsStore for Away {
    async fn apply(&self, _: &Batch) -> Result<Applied, StoreError> {
        Err(away())
    }

    async fn writer(&self, _: WriterId) -> Result<Option<WriterState>, StoreError> {
        Err(away())
    }

    async fn query(&self, _: &StatsQuery) -> Result<StatsReport, StoreError> {
        Err(away())
    }

    async fn register(&self, _: &[Endpoint], _: Timestamp) -> Result<(), StoreError> {
        Err(away())
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        Err(away())
    }

    async fn roll_up(&self, _: Timestamp, _: &Retention) -> Result<RolledUp, StoreError> {
        Err(away())
    }

    async fn health(&self) -> Result<(), StoreError> {
        Err(away())
    }
}
