//! A batch is acknowledged when it is committed, and not when the database says what it would answer.

use endpoint_stats_core::store::{Applied, StatsStore, StoreErrorKind, WriterId};

use super::{DATABASE, PrivateStore, another, batch, shown, total};
use crate::support::postgres::PostgresServer;

/// Has something done at the end of every transaction that takes a batch, after its statement has run.
fn at_commit(store: &PrivateStore, what: &str) {
    store.sql(&format!(
        "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {what}; RETURN NULL; END$$;
         CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON arrival DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION at_commit()"
    ));
}

fn until_a_session_sleeps(server: &PostgresServer) {
    let sleeping = "SELECT pg_sleep(0.1);
         SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid <> pg_backend_pid()";
    assert!((0..200).any(|_| server.psql(DATABASE, sleeping).trim() == "1"), "nothing is being committed");
}

#[tokio::test]
async fn a_batch_whose_commit_fails_is_not_acknowledged() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    at_commit(&store, "RAISE EXCEPTION 'not this one'");

    let error = store.apply(&batch(writer, 1, 3)).await.unwrap_err();
    store.sql("DROP TRIGGER at_commit ON arrival");

    assert!(shown(&error).contains("not this one"), "{}", shown(&error));
    assert_eq!(store.apply(&batch(writer, 1, 3)).await.unwrap(), Applied::Applied);
    assert_eq!(total(&*store).await, 3);
}

/// A server that is stopped at once sends what it had in hand, and that is the row of a statement that is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_commit_is_cut_off_by_a_stop_is_not_acknowledged() {
    let mut store = PrivateStore::start().await;
    let writer = WriterId::random();
    at_commit(&store, "PERFORM pg_sleep(60)");
    let other = another(&store.server).await;

    let applying = tokio::spawn(async move { other.apply(&batch(writer, 1, 3)).await });
    until_a_session_sleeps(&store.server);
    store.server.kill_immediately();
    let answer = applying.await.unwrap();
    store.server.start_again();

    assert_eq!(total(&*store).await, 0);
    assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
}
