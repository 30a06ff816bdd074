//! The roles of `PostgresStore::make_roles`: each can do its work, and no more.

use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};
use endpoint_stats_core::store::{Applied, Retention, StatsStore, WriterId};

use super::{DATABASE, NOON, OWNER, OWNER_PASSWORD, PrivateStore, batch, endpoint, shown, total};

/// Logs in as a role that is member of another.
async fn log_in(store: &PrivateStore, role: &str) -> PostgresStore {
    let owner = PostgresOptions::from_url(&store.server.url_for(OWNER, OWNER_PASSWORD, DATABASE)).unwrap();
    PostgresStore::make_roles(owner).await.unwrap();
    store.sql(&format!("CREATE ROLE somebody LOGIN PASSWORD 'pw' IN ROLE {role}"));
    let url = store.server.url_for("somebody", "pw", DATABASE);
    PostgresStore::connect(PostgresOptions::from_url(&url).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_writer_flushes_settles_rolls_up_and_reads() {
    let owner = PrivateStore::start().await;
    let writer = log_in(&owner, "endpoint_stats_writer").await;
    let id = WriterId::random();

    assert_eq!(writer.apply(&batch(id, 1, 3)).await.unwrap(), Applied::Applied);
    writer.register(&[endpoint("/never")], NOON).await.unwrap();
    let moved = writer.roll_up(NOON.plus_secs(86_400), &Retention::default()).await.unwrap().moved;
    assert_eq!(writer.apply(&batch(id, 2, 4)).await.unwrap(), Applied::Applied);

    assert_eq!((moved, total(&writer).await), (1, 7));
    assert_eq!(writer.endpoints().await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_writer_changes_no_table_itself() {
    let owner = PrivateStore::start().await;
    drop(log_in(&owner, "endpoint_stats_writer").await);
    let url = owner.server.url_for("somebody", "pw", DATABASE);

    for forbidden in [
        "DROP TABLE endpoint_stats.window_10s",
        "CREATE TABLE endpoint_stats.mine ()",
        "DELETE FROM endpoint_stats.dead_letter",
        "UPDATE endpoint_stats.arrival SET deltas = ''",
        "SELECT endpoint_stats.make_partition('pg_catalog.pg_class', 0, 1)",
    ] {
        let refused = owner.server.try_psql(&url, forbidden).unwrap_err();
        assert!(refused.contains("ERROR"), "{forbidden}: {refused}");
    }
}

#[tokio::test]
async fn the_reader_reads_and_writes_nothing() {
    let owner = PrivateStore::start().await;
    owner.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();
    let reader = log_in(&owner, "endpoint_stats_reader").await;

    assert_eq!(total(&reader).await, 3);
    assert_eq!(reader.endpoints().await.unwrap().len(), 1);
    let error = reader.apply(&batch(WriterId::random(), 1, 3)).await.unwrap_err();

    assert!(shown(&error).contains("permission denied"), "{}", shown(&error));
    assert_eq!(total(&reader).await, 3);
}

#[tokio::test]
async fn a_role_that_may_not_make_a_schema_is_told_so_and_leaves_nothing_behind() {
    let server = crate::support::postgres::PostgresServer::start();
    server.create_database(DATABASE);
    server.psql(DATABASE, "CREATE ROLE somebody LOGIN PASSWORD 'pw'");
    let options = PostgresOptions::from_url(&server.url_for("somebody", "pw", DATABASE)).unwrap();

    let error = PostgresStore::migrate(options).await.unwrap_err();

    assert!(shown(&error).contains("permission denied for database"), "{}", shown(&error));
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'endpoint_stats'";
    assert_eq!(server.psql(DATABASE, schemas), "0");
}
