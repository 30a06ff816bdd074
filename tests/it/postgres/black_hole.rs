//! A network that takes everything and delivers nothing: calls end by deadlines of their own.

use endpoint_stats_core::store::{Applied, Batch, StatsStore, StoreErrorKind, WriterId};

use super::{batch, behind_a_proxy, shown, total};
use crate::support::postgres::PostgresServer;

/// Sends a batch again while connections that were under way in the black hole are given up.
async fn applied_soon(store: &dyn StatsStore, batch: &Batch) -> Applied {
    let mut answer = store.apply(batch).await;
    for _ in 0..3 {
        if answer.is_err() {
            answer = store.apply(batch).await;
        }
    }
    answer.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_fell_into_a_black_hole_is_thrown_away() {
    let server = PostgresServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 1)).await.unwrap();
    let before = proxy.accepted();
    proxy.black_hole();

    let error = store.apply(&batch(writer, 2, 1)).await.unwrap_err();
    proxy.pass().await;

    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", shown(&error));
    assert_eq!(applied_soon(&store, &batch(writer, 2, 1)).await, Applied::Applied);
    assert!(proxy.accepted() > before, "the connection was used again");
    assert_eq!(total(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_into_a_black_hole_ends() {
    let server = PostgresServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 1)).await.unwrap();
    proxy.black_hole();

    let next = batch(writer, 2, 1);
    let (applied, known, ready) = tokio::join!(store.apply(&next), store.endpoints(), store.health());
    proxy.pass().await;

    for error in [applied.unwrap_err(), known.unwrap_err(), ready.unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", shown(&error));
    }
    assert_eq!(applied_soon(&store, &next).await, Applied::Applied);
    assert_eq!(total(&store).await, 2);
}
