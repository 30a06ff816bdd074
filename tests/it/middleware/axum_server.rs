//! A real axum server over TCP, and clients that behave badly.

use std::future::pending;

use axum::Router;
use axum::body::Body;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use bytes::Bytes;
use endpoint_stats_core::Outcome;
use futures_util::stream::{self, StreamExt};
use tokio::io::AsyncWriteExt;

use super::server::{Server, read_until};
use crate::recording::Recording;

fn close(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n")
}

fn keep_alive(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n")
}

fn routes() -> Router {
    let orders = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .nest("/deep", Router::new().route("/{a}/{*rest}", get(async || "deep")));
    Router::new()
        .route("/users/{id}", get(async || "Ada").put(async || "changed"))
        .route("/upload", post(async |body: Bytes| body.len().to_string()))
        .route("/panic", get(async || -> &'static str { panic!("in a handler, as the test wants") }))
        .route("/never", get(async || pending::<&'static str>().await))
        .route("/stream", get(async || Body::from_stream(first_then_nothing())))
        .route(
            "/events",
            get(async || Sse::new(first_then_nothing().map(|text| text.map(|text| Event::default().data(text))))),
        )
        .nest("/shop", orders)
}

fn first_then_nothing() -> impl stream::Stream<Item = Result<&'static str, std::io::Error>> + Send {
    stream::iter([Ok("first")]).chain(stream::pending())
}

async fn serve(recording: &Recording) -> Server {
    Server::start(routes().layer(recording.axum_layer())).await
}

#[tokio::test]
async fn routes_are_counted_by_their_templates() {
    let recording = Recording::new();
    let server = serve(&recording).await;

    for path in ["/users/1", "/users/2", "/shop/orders/1", "/shop/deep/a/b/c"] {
        let answer = server.exchange(&close("GET", path)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    server.exchange(&close("PUT", "/users/1")).await;
    server.stop().await;

    assert_eq!(
        recording.lines(),
        [
            "GET /shop/deep/{a}/{*rest} 200",
            "GET /shop/orders/{id} 200",
            "GET /users/{id} 200 x2",
            "PUT /users/{id} 200",
        ]
    );
}

#[tokio::test]
async fn paths_without_a_route_are_unmatched_and_wrong_methods_are_not() {
    let recording = Recording::new();
    let server = serve(&recording).await;

    for path in ["/", "/wp-admin", "/shop", "/shop/nothing", "/shop/deep/nothing"] {
        let answer = server.exchange(&close("GET", path)).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    server.exchange(&close("DELETE", "/users/1")).await;
    server.stop().await;

    assert_eq!(recording.lines(), ["DELETE /users/{id} 405", "GET _UNMATCHED 404 x5"]);
}

#[tokio::test]
async fn a_fallback_of_the_routers_own_is_unmatched() {
    let recording = Recording::new();
    let nested = Router::new().fallback(async || "nested");
    let app = Router::new().nest("/shop", nested).fallback(async || "outer").layer(recording.axum_layer());
    let server = Server::start(app).await;

    assert!(server.exchange(&close("GET", "/shop/a/b")).await.ends_with("nested"));
    assert!(server.exchange(&close("GET", "/else")).await.ends_with("outer"));
    server.stop().await;

    assert_eq!(recording.lines(), ["GET _UNMATCHED 200 x2"]);
}

#[tokio::test]
async fn head_is_counted_without_body_bytes() {
    let recording = Recording::new();
    let server = serve(&recording).await;

    let answer = server.exchange(&close("HEAD", "/users/1")).await;
    server.stop().await;

    assert!(answer.contains("content-length: 3\r\n"), "{answer}");
    let counts = recording.counts();
    assert_eq!(counts.outcomes.of(Outcome::Status(200)), 1);
    assert_eq!(counts.response_bytes, 0);
}

#[tokio::test]
async fn every_request_of_a_kept_connection_is_counted() {
    let recording = Recording::new();
    let server = serve(&recording).await;
    let mut client = server.connect().await;

    for _ in 0..5 {
        client.write_all(keep_alive("/users/1").as_bytes()).await.unwrap();
        read_until(&mut client, "Ada").await;
    }
    drop(client);
    server.stop().await;

    assert_eq!(recording.lines(), ["GET /users/{id} 200 x5"]);
}

#[tokio::test]
async fn pipelined_requests_are_counted_each() {
    let recording = Recording::new();
    let server = serve(&recording).await;

    let requests = keep_alive("/users/1").repeat(9) + &close("GET", "/users/1");
    let answer = server.exchange(&requests).await;
    server.stop().await;

    assert_eq!(answer.matches("Ada").count(), 10);
    let counts = recording.counts();
    assert_eq!((counts.hits(), counts.response_bytes), (10, 30));
}

#[tokio::test]
async fn a_chunked_upload_counts_its_bytes_without_the_framing() {
    let recording = Recording::new();
    let server = serve(&recording).await;

    let answer = server
        .exchange(
            "POST /upload HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        )
        .await;
    server.stop().await;

    assert!(answer.ends_with("\r\n\r\n11"), "{answer}");
    let counts = recording.counts();
    assert_eq!((counts.hits(), counts.request_bytes), (1, 11));
}

#[tokio::test]
async fn a_client_that_goes_in_mid_upload_counts_as_it_ended_with_the_bytes_that_came() {
    let recording = Recording::new();
    let server = serve(&recording).await;
    let mut client = server.connect().await;

    let half = "POST /upload HTTP/1.1\r\nhost: shop\r\ncontent-length: 100\r\n\r\nhalf";
    client.write_all(half.as_bytes()).await.unwrap();
    recording.begun(1).await;
    drop(client);
    recording.ended(1).await;
    recording.request_bytes(4).await;
    server.stop().await;

    let counts = recording.counts();
    assert_eq!((counts.hits(), counts.request_bytes), (1, 4));
}

#[tokio::test]
async fn a_panic_in_a_handler_counts_once_and_the_server_goes_on() {
    let recording = Recording::new();
    let server = serve(&recording).await;

    let answer = server.exchange(&close("GET", "/panic")).await;
    server.exchange(&close("GET", "/users/1")).await;
    server.stop().await;

    assert_eq!(answer, "", "the connection is closed, as without the layer");
    assert_eq!(recording.lines(), ["GET /panic panicked", "GET /users/{id} 200"]);
}

#[tokio::test]
async fn a_client_that_goes_before_the_head_counts_as_aborted() {
    let recording = Recording::new();
    let server = serve(&recording).await;
    let mut client = server.connect().await;

    client.write_all(keep_alive("/never").as_bytes()).await.unwrap();
    recording.begun(1).await;
    drop(client);
    recording.ended(1).await;
    server.stop().await;

    assert_eq!(recording.lines(), ["GET /never aborted"]);
}

#[tokio::test]
async fn a_client_that_goes_in_mid_body_counts_as_aborted() {
    let recording = Recording::new();
    let server = serve(&recording).await;
    let mut client = server.connect().await;

    client.write_all(keep_alive("/stream").as_bytes()).await.unwrap();
    read_until(&mut client, "first").await;
    drop(client);
    recording.ended(1).await;
    server.stop().await;

    let counts = recording.counts();
    assert_eq!(counts.outcomes.of(Outcome::Aborted), 1);
    assert_eq!((counts.hits(), counts.response_bytes), (1, 5));
}

#[tokio::test]
async fn an_event_stream_cut_by_the_client_counts_as_aborted() {
    let recording = Recording::new();
    let server = serve(&recording).await;
    let mut client = server.connect().await;

    client.write_all(keep_alive("/events").as_bytes()).await.unwrap();
    read_until(&mut client, "data: first").await;
    drop(client);
    recording.ended(1).await;
    server.stop().await;

    assert_eq!(recording.lines(), ["GET /events aborted"]);
}

#[tokio::test]
async fn many_clients_that_go_are_counted_once_each() {
    let recording = Recording::new();
    let server = serve(&recording).await;

    for (i, path) in ["/stream", "/events", "/never"].repeat(30).iter().enumerate() {
        let mut client = server.connect().await;
        client.write_all(keep_alive(path).as_bytes()).await.unwrap();
        recording.begun(i + 1).await;
    }
    recording.ended(90).await;
    server.stop().await;

    assert_eq!(recording.lines(), ["GET /events aborted x30", "GET /never aborted x30", "GET /stream aborted x30",]);
}
