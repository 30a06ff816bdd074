//! Services that are not let in: their hits wait for whoever mends it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn};
use endpoint_stats_core::store::{MemoryStore, RemoteStore, StatsQuery, StatsStore, StoreErrorKind, WriterId};
use endpoint_stats_core::window::TimeRange;
use endpoint_stats_core::{Endpoint, EndpointStats, Method, Route, ServiceName};
use endpoint_stats_server::access::{Principal, Scope};
use endpoint_stats_server::ingest::{self, Ingest};
use tokio::time::interval;

use super::service::often;
use super::{Server, options};
use crate::flush::hit;
use crate::redis::writers::acknowledge;
use crate::small_batches::{NOON, batch, endpoint, shown, total};

const TOKEN: &str = "Bearer right";

/// Lets in who shows the token, as this principal.
fn guarded(ingest: Ingest, principal: Principal) -> Router {
    ingest::router(ingest).layer(from_fn(move |mut request: Request, next: Next| {
        if request.headers().get(AUTHORIZATION).is_some_and(|shown| shown == TOKEN) {
            request.extensions_mut().insert(principal.clone());
        }
        next.run(request)
    }))
}

async fn guarded_server(principal: Principal) -> (Server, Arc<MemoryStore>) {
    let kept = Arc::new(MemoryStore::default());
    (Server::of(guarded(Ingest::new(kept.clone()), principal)).await, kept)
}

fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

fn with_token_file(server: &Server, file: &Path) -> RemoteStore {
    RemoteStore::connect(options(server.addr).with_token_file(file)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_that_is_mended_has_lost_nothing() {
    let (server, kept) = guarded_server(Principal::new("shop", [Scope::Ingest])).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "wrong\n").unwrap();
    let store = with_token_file(&server, &file);
    let error = store.apply(&batch(WriterId::random(), 1, 1)).await.unwrap_err();
    let stats = EndpointStats::builder(service("shop")).with_store(store).with_flush(often()).start();

    hit(stats.recorder(), "/users/{id}", 300);
    let mut looks = interval(Duration::from_millis(5));
    while stats.books().pending < 300 {
        looks.tick().await;
    }
    std::fs::write(&file, "right\n").unwrap();
    let books = stats.shutdown(Duration::from_mins(1)).await.books;

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(&error).contains("401 Unauthorized: unauthorized: this needs a valid token"), "{}", shown(&error));
    assert_eq!((books.stored, books.dropped, total(&*kept).await), (300, 0, 300));
}

#[tokio::test]
async fn a_token_file_that_is_missing_is_said_by_its_name() {
    let (server, _) = guarded_server(Principal::new("shop", [Scope::Ingest])).await;
    let store = with_token_file(&server, Path::new("/nonexistent/token"));

    let error = store.health().await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(&error).contains("the token file /nonexistent/token cannot be read"), "{}", shown(&error));
}

#[tokio::test]
async fn a_token_of_another_service_stores_nothing_and_gives_up_nothing() {
    let (server, kept) = guarded_server(Principal::new("mail", [Scope::Ingest]).bound_to([service("mail")])).await;
    let store = RemoteStore::connect(options(server.addr).with_token("right")).unwrap();

    let batch = store.apply(&batch(WriterId::random(), 1, 1)).await.unwrap_err();
    let endpoints = store.register(&[endpoint("/users/{id}")], NOON).await.unwrap_err();

    for error in [batch, endpoints] {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(shown(&error).contains("403 Forbidden: forbidden"), "{}", shown(&error));
    }
    assert_eq!((total(&*kept).await, kept.endpoints().await.unwrap().len()), (0, 0));
}

#[tokio::test]
async fn a_token_that_may_only_send_sends_and_looks_at_its_own_service() {
    let (server, kept) = guarded_server(Principal::new("shop", [Scope::Ingest]).bound_to([service("shop")])).await;
    let elsewhere = Endpoint::new(service("mail"), Method::Get, Route::new("/").unwrap());
    kept.register(&[elsewhere], NOON).await.unwrap();
    let store = RemoteStore::connect(options(server.addr).with_token("right")).unwrap();
    let writer = WriterId::random();

    acknowledge(&store, &batch(writer, 1, 5)).await;

    store.health().await.unwrap();
    assert_eq!(store.writer(writer).await.unwrap().unwrap().last_seq, 1);
    let known = store.endpoints().await.unwrap();
    assert_eq!(known.iter().map(|status| status.hits).collect::<Vec<_>>(), [5]);
    let question = StatsQuery::over(TimeRange::ALL);
    let error = store.query(&question).await.unwrap_err();
    assert!(shown(&error).contains("403 Forbidden: forbidden"), "{}", shown(&error));
}
