//! A stampede asks the store once; and the store that counts how often it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use endpoint_stats_core::store::{
    Around, EndpointStatus, MemoryStore, StatsQuery, StatsReport, StatsStore, StoreError, StoreErrorKind,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Cached, NOON, add, cached, forgetful_redis, hits, hour, until};

/// Hands everything to a [`MemoryStore`], counts the questions, and lets each wait for a permit.
#[derive(Debug)]
pub(super) struct CountingStore {
    store: MemoryStore,
    asked: AtomicU64,
    permits: Semaphore,
    fails: AtomicBool,
}

impl CountingStore {
    /// Answers at once.
    pub(super) fn new() -> Arc<Self> {
        Self::with_permits(Semaphore::MAX_PERMITS)
    }

    fn with_permits(permits: usize) -> Arc<Self> {
        let permits = Semaphore::new(permits);
        Arc::new(Self { store: MemoryStore::default(), asked: 0.into(), permits, fails: false.into() })
    }

    /// How many questions came here.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    async fn ask(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "answer a question").with_source("a test says so"));
        }
        Ok(())
    }
}

#[async_trait]
impl Around for CountingStore {
    fn inner(&self) -> &dyn StatsStore {
        &self.store
    }

    async fn query(&self, query: &StatsQuery) -> Result<StatsReport, StoreError> {
        self.ask().await?;
        self.store.query(query).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointStatus>, StoreError> {
        self.ask().await?;
        self.store.endpoints().await
    }
}

/// A thousand readers of one question, all of them waiting.
async fn stampede(store: &Cached) -> JoinSet<Result<StatsReport, StoreError>> {
    let mut readers = JoinSet::new();
    for _ in 0..1_000 {
        let store = store.clone();
        readers.spawn(async move { store.query(&hour(NOON)).await });
    }
    until(store, |stats| stats.shared == 999).await;
    readers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_readers_of_one_question_ask_the_store_once() {
    let (redis, inner) = (forgetful_redis(), CountingStore::with_permits(0));
    let store = cached(&inner, &redis.url());
    add(&store, 7).await;
    let readers = stampede(&store).await;

    inner.permits.add_permits(1_000);

    for report in readers.join_all().await {
        assert_eq!(report.unwrap().totals.counts.hits(), 7);
    }
    assert_eq!(inner.asked(), 1);
    until(&store, |stats| stats.kept == 1).await;
    assert_eq!(hits(&store, &hour(NOON)).await, 7);
    assert_eq!((inner.asked(), store.stats().hits), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_told_to_all_who_wait_and_to_nobody_later() {
    let (redis, inner) = (forgetful_redis(), CountingStore::with_permits(0));
    let store = cached(&inner, &redis.url());
    inner.fails.store(true, Ordering::SeqCst);
    let readers = stampede(&store).await;

    inner.permits.add_permits(1_000);

    for report in readers.join_all().await {
        let error = report.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "a test says so");
    }
    assert_eq!(inner.asked(), 1);
    inner.fails.store(false, Ordering::SeqCst);
    assert_eq!(hits(&store, &hour(NOON)).await, 0);
    assert_eq!(inner.asked(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_stops_nobody() {
    let (redis, inner) = (forgetful_redis(), CountingStore::with_permits(0));
    let store = cached(&inner, &redis.url());
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.query(&hour(NOON)).await }
    });
    until(&store, |stats| stats.misses == 1).await;
    let second = tokio::spawn({
        let store = store.clone();
        async move { store.query(&hour(NOON)).await }
    });
    until(&store, |stats| stats.shared == 1).await;

    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    inner.permits.add_permits(1);

    second.await.unwrap().unwrap();
    assert_eq!(inner.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_thousand_readers_still_ask_the_store_once() {
    let inner = CountingStore::with_permits(0);
    let store = cached(&inner, "redis://127.0.0.1:1/0");
    let readers = stampede(&store).await;

    inner.permits.add_permits(1_000);

    for report in readers.join_all().await {
        report.unwrap();
    }
    assert_eq!(inner.asked(), 1);
}
