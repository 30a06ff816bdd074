//! Statements that wait too long are ended by the server, and leave no transaction behind.

use endpoint_stats_core::store::{Applied, Retention, StatsStore, StoreError, StoreErrorKind, WriterId};
use tokio_postgres::{Client, NoTls};

use super::{DATABASE, NOON, PrivateStore, batch, shown, total};
use crate::support::postgres::{OWNER, OWNER_PASSWORD, PostgresServer};

fn assert_unavailable(error: &StoreError, because: &str) {
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(error).contains(because), "{}", shown(error));
}

fn idle_in_transaction(server: &PostgresServer) -> String {
    server.psql(DATABASE, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND application_name = 'endpoint-stats'")
}

async fn another_session(server: &PostgresServer) -> Client {
    let url = server.url_for(OWNER, OWNER_PASSWORD, DATABASE);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_given_up_and_then_counts_once() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 3)).await.unwrap();
    store.sql(
        "CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
         CREATE TRIGGER hold_up BEFORE INSERT ON arrival FOR EACH ROW EXECUTE FUNCTION hold_up()",
    );

    let error = store.apply(&batch(writer, 2, 4)).await.unwrap_err();
    let idle = idle_in_transaction(&store.server);
    store.sql("DROP TRIGGER hold_up ON arrival");

    assert_unavailable(&error, "canceling statement due to statement timeout");
    assert_eq!(idle, "0");
    assert_eq!(total(&*store).await, 3);
    assert_eq!(store.apply(&batch(writer, 2, 4)).await.unwrap(), Applied::Applied);
    assert_eq!(store.apply(&batch(writer, 2, 4)).await.unwrap(), Applied::Duplicate);
    assert_eq!(total(&*store).await, 7);
}

#[tokio::test]
async fn settling_that_meets_a_lock_is_given_up_and_leaves_no_transaction_open() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 3)).await.unwrap();
    let session = another_session(&store.server).await;
    session.batch_execute("BEGIN; LOCK TABLE endpoint_stats.window_10s IN EXCLUSIVE MODE").await.unwrap();

    let error = store.roll_up(NOON, &Retention::default()).await.unwrap_err();
    let idle = idle_in_transaction(&store.server);
    let applied = store.apply(&batch(writer, 2, 4)).await.unwrap();
    session.batch_execute("ROLLBACK").await.unwrap();

    assert_unavailable(&error, "canceling statement due to lock timeout");
    assert_eq!((idle.as_str(), applied), ("0", Applied::Applied));
    store.roll_up(NOON, &Retention::default()).await.unwrap();
    assert_eq!(store.sql("SELECT sum(hits) FROM window_10s"), "7");
    assert_eq!(total(&*store).await, 7);
}
