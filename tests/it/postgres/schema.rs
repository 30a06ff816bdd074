//! The tables: made once, and refused when they are of another version.

use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};
use endpoint_stats_core::store::{StatsStore, StoreErrorKind};

use super::{DATABASE, PrivateStore, another, shown};
use crate::support::postgres::{OWNER, OWNER_PASSWORD, PostgresServer};

#[tokio::test]
async fn processes_that_migrate_at_once_all_find_the_tables() {
    let server = PostgresServer::start();
    let options = PostgresOptions::from_url(&server.create_database(DATABASE)).unwrap();

    let mut migrating = tokio::task::JoinSet::new();
    for _ in 0..6 {
        migrating.spawn(PostgresStore::migrate(options.clone()));
    }
    let ran: Vec<_> = migrating.join_all().await.into_iter().map(Result::unwrap).collect();

    assert_eq!(ran.iter().filter(|ran| !ran.is_empty()).count(), 1, "{ran:?}");
    another(&server).await.health().await.unwrap();
}

#[tokio::test]
async fn a_database_without_tables_is_refused_with_what_is_missing() {
    let server = PostgresServer::start();
    let options = PostgresOptions::from_url(&server.create_database(DATABASE)).unwrap();

    let error = PostgresStore::connect(options).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(shown(&error).contains("is of an older version: migration 20261123000000 is missing"), "{}", shown(&error));
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_what_is_unknown() {
    let store = PrivateStore::start().await;
    store.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
    let url = store.server.url_for(OWNER, OWNER_PASSWORD, DATABASE);
    let options = PostgresOptions::from_url(&url).unwrap();

    let connected = PostgresStore::connect(options.clone()).await.unwrap_err();
    let migrated = PostgresStore::migrate(options).await.unwrap_err();

    for error in [connected, migrated] {
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        assert!(shown(&error).contains("does not know migration 29990101000000"), "{}", shown(&error));
    }
}
