//! What breaks between store and database, and what it leaves behind: nothing lost, nothing doubled.

use std::time::Duration;

use endpoint_stats_core::store::postgres::{PostgresOptions, PostgresStore};
use endpoint_stats_core::store::{Applied, Retention, StatsStore, StoreErrorKind, WriterId};

use super::{DATABASE, NOON, PrivateStore, another, batch, behind_a_proxy, migrated, shown, total};
use crate::support::postgres::{OWNER, PostgresServer};
use crate::support::proxy::{Direction, Proxy};

/// How long a connection must be silent before its reply counts as given.
const QUIET: Duration = Duration::from_millis(20);

/// Sends batches whose first acknowledgement is lost, each until it is acknowledged; says how many of the first tries
/// moved the mark all the same.
pub(crate) async fn lose_acknowledgements(
    store: &dyn StatsStore,
    proxy: &Proxy,
    direct: &dyn StatsStore,
    batches: u64,
) -> u64 {
    let writer = WriterId::random();
    let mut committed = 0;
    for seq in 1..=batches {
        // What only the batch itself carries, so that no other request is hit.
        proxy.drop_replies_to(b"/users/{id}", QUIET);
        let error = store.apply(&batch(writer, seq, 1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        committed += u64::from(direct.writer(writer).await.unwrap().is_some_and(|state| state.last_seq == seq));
        proxy.pass().await;
        let answer = store.apply(&batch(writer, seq, 1)).await.unwrap();
        assert!(matches!(answer, Applied::Applied | Applied::Duplicate), "{answer:?}");
    }
    committed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_acknowledgement_was_lost_counts_once() {
    let server = PostgresServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let direct = another(&server).await;

    let committed = lose_acknowledgements(&store, &proxy, &direct, 40).await;

    assert!(committed >= 20, "{committed} rounds lost an acknowledgement");
    assert_eq!(total(&direct).await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_at_any_byte_leaves_nothing_lost_or_doubled() {
    let server = PostgresServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let writer = WriterId::random();
    // A batch's request has some hundred bytes, and the reply has some dozen.
    let to_server = (0..800).step_by(20).map(|bytes| (Direction::ToServer, bytes));
    let to_client = (0..80).map(|bytes| (Direction::ToClient, bytes));
    let (mut seq, mut cuts, mut lost_acknowledgements) = (0, 0, 0);
    for (direction, bytes) in to_server.chain(to_client) {
        seq += 1;
        proxy.cut_after(direction, bytes);
        let answer = loop {
            match store.apply(&batch(writer, seq, 1)).await {
                Ok(answer) => break answer,
                Err(_) => cuts += 1,
            }
        };
        lost_acknowledgements += u64::from(answer == Applied::Duplicate);
        proxy.pass().await;
    }

    assert_eq!(total(&store).await, seq);
    assert!(
        cuts >= 20 && lost_acknowledgements >= 10,
        "{lost_acknowledgements} of {cuts} cuts lost an acknowledgement"
    );
    let idle = server.psql(DATABASE, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'");
    assert_eq!(idle, "0");
}

/// Kills the server between batches, three times; how many were acknowledged by then, and how many are there afterwards.
pub(crate) async fn after_kills(store: &dyn StatsStore, server: &mut PostgresServer) -> Vec<(u64, u64)> {
    let writer = WriterId::random();
    let mut acknowledged = 0;
    let mut after_kills = Vec::new();
    for round in 0..3 {
        for _ in 0..5 {
            let answer = store.apply(&batch(writer, acknowledged + 1, 1)).await.unwrap();
            acknowledged += u64::from(answer == Applied::Applied);
        }
        if round % 2 == 0 {
            server.kill_9();
        } else {
            server.kill_immediately();
        }
        match store.apply(&batch(writer, acknowledged + 1, 1)).await {
            Ok(_) => acknowledged += 1,
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
        }
        server.start_again();
        after_kills.push((acknowledged, total(store).await));
    }
    after_kills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_started_again_has_every_acknowledged_batch() {
    let mut server = PostgresServer::builder().durable().start();
    let store = migrated(&server, DATABASE).await;

    let after_kills = after_kills(&store, &mut server).await;

    assert_eq!(after_kills, [(5, 5), (10, 10), (15, 15)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_the_server_ends_is_replaced() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    for seq in 1..=5 {
        store.apply(&batch(writer, seq, 1)).await.unwrap();
        store.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL");
    }

    assert_eq!(total(&*store).await, 5);
}

#[tokio::test]
async fn a_read_only_database_takes_nothing_and_goes_on_later() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.sql(&format!("ALTER DATABASE {DATABASE} SET default_transaction_read_only = on"));
    let reader = another(&store.server).await;

    let error = reader.apply(&batch(writer, 1, 3)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", shown(&error));
    assert_eq!(reader.health().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    store.server.psql("postgres", &format!("ALTER DATABASE {DATABASE} SET default_transaction_read_only = off"));

    assert_eq!(reader.apply(&batch(writer, 1, 3)).await.unwrap(), Applied::Applied);
}

#[tokio::test]
async fn a_locked_table_is_waited_for_and_then_given_up() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    let url = store.server.url_for(OWNER, crate::support::postgres::OWNER_PASSWORD, DATABASE);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE endpoint_stats.writer").await.unwrap();

    let error = store.apply(&batch(writer, 1, 3)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(&error).contains("lock timeout"), "{}", shown(&error));
    client.batch_execute("ROLLBACK").await.unwrap();

    assert_eq!(store.apply(&batch(writer, 1, 3)).await.unwrap(), Applied::Applied);
}

#[tokio::test]
async fn a_server_with_too_many_connections_is_named() {
    let server = PostgresServer::builder().setting("max_connections", "5").start();
    let store = migrated(&server, DATABASE).await;
    store.health().await.unwrap();
    let url = server.url_for(OWNER, crate::support::postgres::OWNER_PASSWORD, DATABASE);
    let mut taken = Vec::new();
    while let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
        tokio::spawn(connection);
        taken.push(client);
    }

    let error = PostgresStore::connect(PostgresOptions::from_url(&url).unwrap()).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(&error).contains("too many clients"), "{}", shown(&error));
    assert!(!taken.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_wait_for_the_connections_there_are_when_no_more_can_be_made() {
    let server = PostgresServer::builder().setting("max_connections", "8").start();
    let url = server.create_database(DATABASE);
    let options = PostgresOptions::from_url(&url).unwrap();
    PostgresStore::migrate(options.clone()).await.unwrap();
    let store = PostgresStore::connect(options.with_max_connections(6)).await.unwrap();
    let mut taken = Vec::new();
    while let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
        tokio::spawn(connection);
        taken.push(client);
    }

    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let store = store.clone();
        asked.spawn(async move { store.endpoints().await });
    }

    for answer in asked.join_all().await {
        answer.unwrap();
    }
    assert!(!taken.is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_named_without_the_password() {
    let store = PrivateStore::start().await;
    let url = store.server.url_for(OWNER, "not-the-password", DATABASE);

    let error = PostgresStore::connect(PostgresOptions::from_url(&url).unwrap()).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(&error).contains("password authentication failed"), "{}", shown(&error));
    assert!(!shown(&error).contains("not-the-password"));
}

#[tokio::test]
async fn a_password_that_changes_in_its_file_needs_no_restart() {
    let store = PrivateStore::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{}\n", crate::support::postgres::OWNER_PASSWORD)).unwrap();
    let url = format!("postgres://{OWNER}@127.0.0.1:{}/{DATABASE}", store.server.port());
    let rotated = PostgresOptions::from_url(&url).unwrap().with_password_file(&file);
    let rotated = PostgresStore::connect(rotated).await.unwrap();
    let writer = WriterId::random();
    rotated.apply(&batch(writer, 1, 1)).await.unwrap();

    store.sql(&format!("ALTER ROLE {OWNER} PASSWORD 'another'"));
    store.server.try_psql(
        &store.server.url_for(OWNER, "another", DATABASE),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL",
    ).unwrap();
    assert_eq!(rotated.apply(&batch(writer, 2, 1)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    std::fs::write(&file, "another").unwrap();

    // An attempt with the old password may still be under way.
    let mut answers = Vec::new();
    while answers.len() < 10 && !matches!(answers.last(), Some(Ok(_))) {
        answers.push(rotated.apply(&batch(writer, 2, 1)).await);
    }
    assert!(matches!(answers.last(), Some(Ok(Applied::Applied))), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_that_are_dropped_leave_no_transaction_open_and_no_batch_half_applied() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    for seq in 1..=60 {
        let next = batch(writer, seq, 1);
        let patience = Duration::from_micros(seq * 40);
        if tokio::time::timeout(patience, store.apply(&next)).await.is_err() {
            // Nobody waits any more; sent again, it counts once.
            assert!(matches!(store.apply(&next).await.unwrap(), Applied::Applied | Applied::Duplicate));
        }
        drop(tokio::time::timeout(patience * 4, store.roll_up(NOON, &Retention::default())).await);
    }

    assert_eq!(total(&*store).await, 60);
    // What nobody waits for goes on to its end; a transaction left open would stay for ten seconds.
    let idle = "SELECT pg_sleep(0.1); SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    assert!((0..40).any(|_| store.sql(idle).trim() == "0"), "a transaction is open");
}

#[tokio::test]
async fn traffic_is_encrypted_as_sslmode_asks() {
    let server = PostgresServer::builder().tls().start();
    drop(migrated(&server, DATABASE).await);
    let url = server.url_for(OWNER, crate::support::postgres::OWNER_PASSWORD, DATABASE);
    let connect = async |parameters: String| {
        PostgresStore::connect(PostgresOptions::from_url(&format!("{url}?{parameters}")).unwrap()).await
    };
    let authority = server.authority_pem().display();
    let encrypted = || {
        server.psql(
            DATABASE,
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = 'endpoint-stats'",
        )
    };

    let plain = connect("sslmode=disable".to_owned()).await.unwrap();
    assert_eq!(encrypted(), "0");
    drop(plain);
    for parameters in [
        "sslmode=require".to_owned(),
        format!("sslmode=verify-ca&sslrootcert={authority}"),
        format!("sslmode=verify-full&sslrootcert={authority}"),
    ] {
        let store = connect(parameters.clone()).await.unwrap_or_else(|error| panic!("{parameters}: {}", shown(&error)));
        assert_ne!(encrypted(), "0", "{parameters}");
        drop(store);
    }
    let stranger = connect("sslmode=verify-full".to_owned()).await.unwrap_err();
    assert!(shown(&stranger).to_lowercase().contains("certificate"), "{}", shown(&stranger));
}
