//! Redis: stores that append without a mark, mark in a second step, or acknowledge before they write.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use endpoint_stats_core::store::redis::RedisStore;
use endpoint_stats_core::store::{Applied, Around, Batch, StatsStore, StoreError, WriterId};
use tokio::task::JoinHandle;

use crate::redis::kills::kills_lose_and_double_nothing;
use crate::redis::network::lost_acknowledgements_count_once;
use crate::redis::{behind_a_proxy, connect};
use crate::support::redis::RedisServer;

/// A way to break a store on Redis.
#[derive(Debug)]
enum Broken {
    /// Nothing: the reference.
    NotAtAll,
    /// Every batch is appended, whatever the mark says.
    AppendsWithoutMark,
    /// The batch is appended by one script, and the mark is moved by the next.
    MarksAfterAppending,
    /// What was acknowledged is written in the background, one batch behind the other.
    AcknowledgesFirst(Mutex<Option<JoinHandle<()>>>),
}

#[derive(Debug)]
struct BrokenStore {
    how: Broken,
    store: RedisStore,
}

impl BrokenStore {
    /// Appends a batch past its writer's mark.
    async fn append(&self, batch: &Batch) -> Result<Applied, StoreError> {
        self.store.apply(&Batch::new(WriterId::random(), 1, batch.deltas.clone())).await
    }

    async fn mark_after_appending(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let marked = self.store.writer(batch.writer).await?.map_or(0, |state| state.last_seq);
        if marked >= batch.seq {
            return Ok(Applied::Duplicate);
        }
        self.append(batch).await?;
        self.store.apply(&Batch::new(batch.writer, batch.seq, Vec::new())).await
    }

    fn acknowledge_first(&self, behind: &Mutex<Option<JoinHandle<()>>>, batch: &Batch) -> Applied {
        let (store, batch) = (self.store.clone(), batch.clone());
        let mut behind = behind.lock().unwrap();
        let before = behind.take();
        *behind = Some(tokio::spawn(async move {
            if let Some(before) = before {
                before.await.unwrap();
            }
            drop(store.apply(&batch).await);
        }));
        Applied::Applied
    }
}

#[async_trait]
impl Around for BrokenStore {
    fn inner(&self) -> &dyn StatsStore {
        &self.store
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        match &self.how {
            Broken::NotAtAll => self.store.apply(batch).await,
            Broken::AppendsWithoutMark => self.append(batch).await,
            Broken::MarksAfterAppending => self.mark_after_appending(batch).await,
            Broken::AcknowledgesFirst(behind) => Ok(self.acknowledge_first(behind, batch)),
        }
    }
}

/// Whether the check of lost acknowledgements passes on a store.
async fn survives_lost_acknowledgements(how: Broken) -> bool {
    let server = RedisServer::start();
    let check = tokio::spawn(async move {
        let (store, proxy) = behind_a_proxy(&server).await;
        let direct = connect(&server.url()).await;
        lost_acknowledgements_count_once(&BrokenStore { how, store }, &proxy, &direct).await;
    });
    check.await.is_ok()
}

/// Whether the check of kills passes on a store.
async fn survives_kills(how: Broken) -> bool {
    let mut server = RedisServer::builder().setting("appendfsync", "always").start();
    let check = tokio::spawn(async move {
        let store = BrokenStore { how, store: connect(&server.url()).await };
        kills_lose_and_double_nothing(&mut server, Arc::new(store)).await;
    });
    check.await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_appends_without_a_mark_doubles_and_lost_acknowledgements_show_it() {
    assert!(survives_lost_acknowledgements(Broken::NotAtAll).await);
    assert!(!survives_lost_acknowledgements(Broken::AppendsWithoutMark).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_in_a_second_step_doubles_and_lost_acknowledgements_show_it() {
    assert!(!survives_lost_acknowledgements(Broken::MarksAfterAppending).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_write_loses_and_kills_show_it() {
    assert!(survives_kills(Broken::NotAtAll).await);
    assert!(!survives_kills(Broken::AcknowledgesFirst(Mutex::default())).await);
}
