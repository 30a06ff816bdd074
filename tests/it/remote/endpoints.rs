//! `POST /v1/endpoints`, and what `/v1/remote/…` refuses.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::store::remote::MESSAGE_TYPE;
use endpoint_stats_core::store::{MemoryStore, StatsStore};
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::{self, Ingest};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::batches::said;
use super::{anyone, open_to_all};

async fn post(app: &Router, path: &str, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post(path).header("content-type", kind).body(body.into()).unwrap();
    let (status, _, said) = said(app.clone().oneshot(request).await.unwrap()).await;
    (status, said)
}

async fn register(app: &Router, body: impl Into<Body>) -> (StatusCode, Value) {
    post(app, "/v1/endpoints", "application/json", body).await
}

fn desk(principal: Principal) -> (Router, Arc<MemoryStore>) {
    let kept = Arc::new(MemoryStore::default());
    (ingest::router(Ingest::new(kept.clone())).layer(axum::Extension(principal)), kept)
}

#[tokio::test]
async fn endpoints_in_json_are_known_from_then_on() {
    let (app, kept) = desk(anyone());

    let answer = register(
        &app,
        r#"[{"service":"shop","method":"GET","route":"/users/{id}"}, {"service":"shop","method":"BREW","route":"/"}]"#,
    )
    .await;

    assert_eq!(answer, (StatusCode::OK, json!({"registered": 2})));
    let known = kept.endpoints().await.unwrap();
    let names: Vec<_> = known.iter().map(|status| status.endpoint.to_string()).collect();
    assert_eq!(names, ["shop _OTHER /", "shop GET /users/{id}"]);
    assert!(known.iter().all(|status| status.hits == 0 && status.registered_at.is_some()));
}

#[tokio::test]
async fn what_is_no_list_of_endpoints_is_refused_whole() {
    let (app, kept) = desk(anyone());
    let good = r#"{"service":"shop","method":"GET","route":"/"}"#;
    let many = format!("[{}]", vec![good; 10_001].join(","));
    let deep = "[".repeat(10_000);
    let cases = [
        ("", 400, "bad_json", ""),
        ("{", 400, "bad_json", ""),
        (&deep, 400, "bad_json", ""),
        (r#"[{"service":"shop","method":"GET"}]"#, 400, "bad_json", ""),
        (r#"[{"service":"shop","method":"GET","route":"/","hits":1}]"#, 400, "bad_json", ""),
        (r#"[{"service":"shop","service":"shop","method":"GET","route":"/"}]"#, 400, "bad_json", ""),
        (
            &format!(r#"[{good},{{"service":"My Shop","method":"GET","route":"/"}}]"#),
            422,
            "bad_endpoint",
            "[1].service",
        ),
        (&format!(r#"[{good},{{"service":"shop","method":"GET","route":""}}]"#), 422, "bad_endpoint", "[1].route"),
        (r#"[{"service":"shop","method":"GET","route":"/\u0000"}]"#, 422, "bad_endpoint", "[0].route"),
        (&many, 422, "bad_endpoint", ""),
    ];

    for (body, status, code, field) in cases {
        let (found, said) = register(&app, body.to_owned()).await;
        let error = &said["error"];
        let shown = &body[..body.len().min(90)];
        assert_eq!((found.as_u16(), error["code"].as_str().unwrap()), (status, code), "{shown}: {said}");
        assert_eq!(error["field"].as_str().unwrap_or_default(), field, "{shown}: {said}");
    }
    assert_eq!(post(&app, "/v1/endpoints", "text/plain", "[]").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(kept.endpoints().await.unwrap(), []);
}

#[tokio::test]
async fn endpoints_of_a_service_that_is_not_the_tokens_are_refused_whole() {
    let (app, kept) = desk(anyone().bound_to([ServiceName::new("shop").unwrap()]));
    let body = r#"[{"service":"shop","method":"GET","route":"/"},{"service":"mail","method":"GET","route":"/"}]"#;

    assert_eq!(register(&app, body).await.0, StatusCode::FORBIDDEN);

    assert_eq!(kept.endpoints().await.unwrap(), []);
    let (app, _) = desk(Principal::new("reader", [Scope::Read]));
    assert_eq!(register(&app, body).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_never_an_error_of_the_server() {
    let app = open_to_all(Ingest::new(Arc::new(MemoryStore::default())));

    for path in ["/v1/remote/query", "/v1/remote/endpoints"] {
        for body in ["", "\u{1}", "\u{2}abc", "\u{1}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}"]
        {
            let (status, said) = post(&app, path, MESSAGE_TYPE, body).await;
            assert_eq!((status, &said["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("bad_message")), "{said}");
        }
        assert_eq!(post(&app, path, "text/plain", "").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let request = Request::get("/v1/remote/writers/nobody").body(Body::empty()).unwrap();
    let (status, _, said) = said(app.oneshot(request).await.unwrap()).await;
    assert_eq!((status, &said["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("bad_writer")));
}
