//! Answers that a service gets from somebody else than its server, or from a server that is unwell.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use endpoint_stats_core::store::{MemoryStore, StatsStore, StoreErrorKind, WriterId};
use endpoint_stats_server::ingest::Ingest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{Server, connect, open_to_all};
use crate::redis::writers::acknowledge;
use crate::small_batches::{NOON, batch, delta, shown, total};

/// Answers every connection with the same bytes, whatever is asked.
async fn babbler(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // A client that hangs up first has heard enough.
            drop(stream.read(&mut [0; 4096]).await);
            drop(stream.write_all(bytes).await);
        }
    });
    addr
}

#[tokio::test]
async fn garbage_acknowledges_nothing_and_gives_up_no_hit() {
    let garbage: [&[u8]; 8] = [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n<html>Please login",
        b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"result\":\"applied\",\"seq\":1",
        b"HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n{\"result\":\"applied\",\"seq\":2,\"x\":1}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 301 Moved Permanently\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    ];
    for bytes in garbage {
        let store = connect(babbler(bytes).await);

        let error = store.apply(&batch(WriterId::random(), 1, 1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", shown(&error));
        let error = store.endpoints().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", shown(&error));
    }
}

/// Counts requests, and refuses the first of them with a pause of so many seconds.
fn busy_at_first(app: Router, pause: &'static str, requests: &Arc<AtomicU64>) -> Router {
    let requests = Arc::clone(requests);
    app.layer(from_fn(move |request: Request, next: Next| {
        let is_first = requests.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if is_first {
                return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", pause)]).into_response();
            }
            next.run(request).await
        }
    }))
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_is_not_called_before_it_has_passed() {
    let (kept, requests) = (Arc::new(MemoryStore::default()), Arc::<AtomicU64>::default());
    let server = Server::of(busy_at_first(open_to_all(Ingest::new(kept.clone())), "2", &requests)).await;
    let store = connect(server.addr);
    let (writer, begun) = (WriterId::random(), Instant::now());

    store.apply(&batch(writer, 1, 3)).await.unwrap_err();
    let during = store.apply(&batch(writer, 1, 3)).await.unwrap_err();
    let health = store.health().await.unwrap_err();

    assert!(shown(&during).contains("the server asked not to be called for another"), "{}", shown(&during));
    assert_eq!((during.kind(), health.kind()), (StoreErrorKind::Unavailable, StoreErrorKind::Unavailable));
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    acknowledge(&store, &batch(writer, 1, 3)).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "called again after {:?}", begun.elapsed());
    assert_eq!((requests.load(Ordering::SeqCst), total(&*kept).await), (2, 3));
}

#[tokio::test]
async fn a_batch_that_is_too_large_for_the_server_is_not_even_sent() {
    let requests = Arc::<AtomicU64>::default();
    let app = busy_at_first(open_to_all(Ingest::new(Arc::new(MemoryStore::default()))), "1", &requests);
    let server = Server::of(app).await;
    let store = connect(server.addr);
    let mut large = batch(WriterId::random(), 1, 1).with_checkpoint(vec![0; 9 * 1024 * 1024]);

    let error = store.apply(&large).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Rejected, "{}", shown(&error));
    large.checkpoint = None;
    large.deltas = (0..=20_000).map(|i| delta(&format!("/{i:05}"), NOON, 1)).collect();
    let error = store.apply(&large).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Rejected, "{}", shown(&error));
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_proxy_in_front_that_takes_less_makes_batches_smaller() {
    let store = connect(babbler(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await);

    let error = store.apply(&batch(WriterId::random(), 1, 1)).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Rejected, "{}", shown(&error));
}

#[tokio::test]
async fn what_the_server_says_is_in_the_error() {
    let server = Server::of(Router::new()).await;
    let store = connect(server.addr);

    let error = store.apply(&batch(WriterId::random(), 1, 1)).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(&error).contains("the server answered 404 Not Found"), "{}", shown(&error));
}
