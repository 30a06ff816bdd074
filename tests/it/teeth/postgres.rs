//! PostgreSQL: stores that lock rows in any order, mark in a second transaction, or acknowledge before the commit.

use std::sync::Mutex;

use async_trait::async_trait;
use endpoint_stats_core::store::postgres::PostgresStore;
use endpoint_stats_core::store::{Applied, Around, Batch, StatsStore, StoreError, StoreErrorKind, WriterId};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use crate::postgres::faults::{after_kills, lose_acknowledgements};
use crate::postgres::killed::{ROUNDS, flush_and_roll_up, hits_by_the_marks, kill_three, store_of_a_victim};
use crate::postgres::replicas::{deadlocks, race_over_the_same_keys};
use crate::postgres::{DATABASE, another, behind_a_proxy, migrated};
use crate::small_batches::total;
use crate::support::postgres::{OWNER, OWNER_PASSWORD, PostgresServer};

/// A way to break a store on PostgreSQL.
#[derive(Debug)]
enum Broken {
    /// Nothing: the reference for the next.
    UpsertsInOrder(Client),
    /// The rows of a batch are locked as they come.
    UpsertsUnsorted(Client),
    /// The counts are one transaction and the mark is the next.
    MarksAfterAdding,
    /// What was acknowledged is written in the background, one batch behind the other.
    AcknowledgesFirst(Mutex<Option<JoinHandle<()>>>),
}

#[derive(Debug)]
struct BrokenStore {
    how: Broken,
    store: PostgresStore,
}

async fn upsert(client: &Client, batch: &Batch, sorted: bool) -> Result<Applied, StoreError> {
    let mut routes: Vec<_> = batch.deltas.iter().map(|delta| delta.endpoint.route().as_str()).collect();
    if !sorted {
        let first = usize::from(batch.writer.as_bytes()[0]) % routes.len();
        routes.rotate_left(first);
    }
    let upsert = "INSERT INTO naive SELECT unnest($1::text[]), 1
                  ON CONFLICT (route) DO UPDATE SET hits = naive.hits + EXCLUDED.hits";
    let upserted = client.execute(upsert, &[&routes]).await;
    upserted.map_err(|error| StoreError::new(StoreErrorKind::Unavailable, "write a batch").with_source(error))?;
    Ok(Applied::Applied)
}

impl BrokenStore {
    async fn mark_after_adding(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let marked = self.store.writer(batch.writer).await?.map_or(0, |state| state.last_seq);
        if marked >= batch.seq {
            return Ok(Applied::Duplicate);
        }
        self.store.apply(&Batch::new(WriterId::random(), 1, batch.deltas.clone())).await?;
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
            Broken::UpsertsInOrder(client) => upsert(client, batch, true).await,
            Broken::UpsertsUnsorted(client) => upsert(client, batch, false).await,
            Broken::MarksAfterAdding => self.mark_after_adding(batch).await,
            Broken::AcknowledgesFirst(behind) => Ok(self.acknowledge_first(behind, batch)),
        }
    }
}

/// The deadlocks of twelve stores that upsert, each with a connection of its own.
async fn deadlocks_of_upserts(how: impl Fn(Client) -> Broken) -> u64 {
    let server = PostgresServer::builder().setting("deadlock_timeout", "10ms").start();
    drop(migrated(&server, DATABASE).await);
    server.psql(DATABASE, "CREATE TABLE naive (route text PRIMARY KEY, hits bigint NOT NULL)");
    let url = server.url_for(OWNER, OWNER_PASSWORD, DATABASE) + "?application_name=endpoint-stats";
    let mut stores = Vec::new();
    for _ in 0..12 {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        stores.push(BrokenStore { how: how(client), store: another(&server).await });
    }

    let refused = race_over_the_same_keys(stores).await;

    let deadlocks = deadlocks(&server);
    assert_eq!(refused > 0, deadlocks > 0, "{refused} batches were refused in {deadlocks} deadlocks");
    deadlocks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_locked_in_any_order_deadlock_and_the_race_shows_it() {
    assert_eq!(deadlocks_of_upserts(Broken::UpsertsInOrder).await, 0);
    assert_ne!(deadlocks_of_upserts(Broken::UpsertsUnsorted).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_in_a_second_transaction_doubles_and_lost_acknowledgements_show_it() {
    let server = PostgresServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let direct = another(&server).await;
    let broken = BrokenStore { how: Broken::MarksAfterAdding, store };

    lose_acknowledgements(&broken, &proxy, &direct, 5).await;

    assert_eq!(total(&direct).await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_in_a_second_transaction_does_not_survive_kills_and_the_marks_show_it() {
    let server = PostgresServer::start();
    let store = migrated(&server, DATABASE).await;
    let mut killed = Vec::new();
    let mut is_caught = false;

    for round in 0..ROUNDS {
        killed.extend(kill_three(&server, "teeth::postgres::victim", round).await);
        is_caught = total(&store).await != hits_by_the_marks(&store, &killed).await;
        if is_caught {
            break;
        }
    }

    assert!(is_caught, "{killed:?}");
}

#[ignore = "a process that `a_mark_in_a_second_transaction_does_not_survive_kills_and_the_marks_show_it` kills"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Some(store) = store_of_a_victim().await else { return };

    flush_and_roll_up(BrokenStore { how: Broken::MarksAfterAdding, store }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_commit_loses_and_kills_show_it() {
    let mut server = PostgresServer::builder().durable().start();
    let store = migrated(&server, DATABASE).await;
    let broken = BrokenStore { how: Broken::AcknowledgesFirst(Mutex::default()), store };

    let after_kills = after_kills(&broken, &mut server).await;

    assert!(after_kills.iter().any(|(acknowledged, there)| there < acknowledged), "{after_kills:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_acknowledges_before_it_writes_loses_and_kills_show_it() {
    let lying = [("synchronous_commit", "off"), ("wal_writer_delay", "10s")];
    let builder =
        lying.iter().fold(PostgresServer::builder().durable(), |builder, (name, to)| builder.setting(name, to));
    let mut server = builder.start();
    let store = migrated(&server, DATABASE).await;
    server.psql(DATABASE, "CHECKPOINT");

    let after_kills = after_kills(&store, &mut server).await;

    assert!(after_kills.iter().any(|(acknowledged, there)| there < acknowledged), "{after_kills:?}");
}
