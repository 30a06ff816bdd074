//! A connection that becomes a WebSocket was answered with 101, once.

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite;

use super::server::Server;
use crate::recording::{Recording, soon};

async fn echo(upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade.on_upgrade(async |mut socket| {
        while let Some(Ok(message @ Message::Text(_))) = socket.recv().await {
            socket.send(message).await.unwrap();
        }
    })
}

#[tokio::test]
async fn a_websocket_counts_once_however_much_it_says() {
    let recording = Recording::new();
    let app = Router::new().route("/echo", any(echo));
    let server = Server::start(app.layer(recording.axum_layer())).await;

    let (mut socket, response) = connect_async(format!("ws://{}/echo", server.address)).await.unwrap();
    assert_eq!(recording.lines(), ["GET /echo 101"], "counted at the head");
    for _ in 0..10 {
        let hello = tungstenite::Message::text("hello");
        socket.send(hello.clone()).await.unwrap();
        assert_eq!(soon(socket.next()).await.unwrap().unwrap(), hello);
    }
    socket.close(None).await.unwrap();
    while soon(socket.next()).await.is_some() {}
    server.stop().await;

    assert_eq!(response.status(), 101);
    assert_eq!(recording.lines(), [] as [&str; 0], "and not again");
}

#[tokio::test]
async fn a_request_that_asks_for_no_upgrade_counts_its_refusal() {
    let recording = Recording::new();
    let app = Router::new().route("/echo", any(echo));
    let server = Server::start(app.layer(recording.axum_layer())).await;

    let answer = server.exchange("GET /echo HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await;
    server.stop().await;

    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(recording.lines(), ["GET /echo 400"]);
}
