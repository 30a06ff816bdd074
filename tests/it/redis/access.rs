//! Who may in: users, passwords, rights, databases, certificates.

use endpoint_stats_core::store::redis::RedisStore;
use endpoint_stats_core::store::{Applied, Retention, StatsStore, StoreErrorKind, WriterId};

use super::{PrivateStore, connect, key, mark, options};
use crate::small_batches::{NOON, batch, shown, total};
use crate::support::redis::RedisServer;

#[tokio::test]
async fn a_user_with_a_password_is_let_in() {
    let server = RedisServer::builder().password("p:/w?@\"x").start();
    server.cli(&["ACL", "SETUSER", "ann", "on", ">o:/th er", "~*", "+@all"]);
    let writer = WriterId::random();

    connect(&server.url()).await.apply(&batch(writer, 1, 1)).await.unwrap();
    connect(&server.url_for("ann", "o:/th er")).await.apply(&batch(writer, 2, 1)).await.unwrap();

    assert_eq!(total(&connect(&server.url()).await).await, 2);
}

#[tokio::test]
async fn a_wrong_password_is_named_without_the_password() {
    let server = RedisServer::builder().password("right").start();
    for url in [server.url_for("default", "not-the-password"), server.url_for("nobody", "not-the-password")] {
        let error = RedisStore::connect(options(&url)).await.unwrap_err();

        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        let shown = shown(&error);
        assert!(shown.contains("WRONGPASS") || shown.to_lowercase().contains("authentication failed"), "{shown}");
        assert!(!shown.contains("not-the-password"), "{shown}");
    }
}

#[tokio::test]
async fn a_password_that_is_missing_is_named() {
    let server = RedisServer::builder().password("right").start();

    let error = RedisStore::connect(options(&format!("redis://{}/0", server.addr()))).await.unwrap_err();

    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(shown(&error).contains("NOAUTH"), "{}", shown(&error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_changes_in_its_file_needs_no_restart() {
    let server = RedisServer::builder().password("first").start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let store = options(&format!("redis://{}/0", server.addr())).with_password_file(&file);
    let store = RedisStore::connect(store).await.unwrap();
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 1)).await.unwrap();

    server.cli(&["CONFIG", "SET", "requirepass", "second"]);
    server.cli(&["-a", "second", "CLIENT", "KILL", "TYPE", "normal"]);
    assert_eq!(store.apply(&batch(writer, 2, 1)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    std::fs::write(&file, "second").unwrap();

    // An attempt with the old password may still be under way.
    let mut answers = Vec::new();
    while answers.len() < 10 && !matches!(answers.last(), Some(Ok(_))) {
        answers.push(store.apply(&batch(writer, 2, 1)).await);
    }
    assert!(matches!(answers.last(), Some(Ok(Applied::Applied))), "{answers:?}");
}

#[tokio::test]
async fn a_password_file_that_is_not_there_is_named() {
    let server = RedisServer::start();

    let error = RedisStore::connect(options(&server.url()).with_password_file("/no/such/file")).await.unwrap_err();

    assert!(shown(&error).contains("/no/such/file"), "{}", shown(&error));
}

/// Whatever a user may not do, a batch is there as a whole or not at all.
#[tokio::test]
async fn a_user_without_a_right_writes_no_half_batch() {
    for lacking in ["-rpush", "-hset", "-expire", "-hmget", "-llen", "-evalsha", "-eval", "-@write", "-@scripting"] {
        let store = PrivateStore::start().await;
        let writer = WriterId::random();
        store.apply(&batch(writer, 1, 5)).await.unwrap();
        let allowed = ["ACL", "SETUSER", "ann", "on", ">secret", "~*", "+@all", lacking];
        store.server.cli(&allowed);

        let refusal = match RedisStore::connect(options(&store.server.url_for("ann", "secret"))).await {
            Err(error) => Some(error),
            // What a script of another user left in the cache needs no `EVAL`.
            Ok(restricted) => restricted.apply(&batch(writer, 2, 3)).await.err(),
        };

        if let Some(error) = &refusal {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{lacking}: {}", shown(error));
            let shown = shown(error).to_lowercase();
            let words = ["permission", "noperm", "can't run this command"];
            assert!(words.iter().any(|words| shown.contains(words)), "{lacking}: {shown}");
            assert_eq!(total(&*store).await, 5, "{lacking}: nothing is half done");
            assert_eq!(store.apply(&batch(writer, 2, 3)).await.unwrap(), Applied::Applied, "{lacking}");
        }
        assert!(refusal.is_some() || lacking == "-eval", "{lacking} is not missed");
        assert_eq!(total(&*store).await, 8, "{lacking}");
    }
}

/// Arrivals are taken off their list only together with what they are settled in.
#[tokio::test]
async fn a_user_without_a_right_settles_nothing_half() {
    let rows = key("window:*");
    let but_rows = format!("~{} ~{} ~{} %R~{rows}", key("[^w]*"), key("w:*"), key("windows"));
    for rights in ["~* +@all -sadd", "~* +@all -ltrim", "~* +@all -type", &format!("{but_rows} +@all")] {
        let store = PrivateStore::start().await;
        let set_user = ["ACL", "SETUSER", "ann", "on", ">secret"].into_iter().chain(rights.split(' '));
        store.server.cli(&set_user.collect::<Vec<_>>());
        let restricted = connect(&store.server.url_for("ann", "secret")).await;
        let writer = WriterId::random();
        assert_eq!(restricted.apply(&batch(writer, 1, 5)).await.unwrap(), Applied::Applied, "{rights}");

        let error = restricted.roll_up(NOON, &Retention::default()).await.unwrap_err();

        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{rights}: {}", shown(&error));
        assert_eq!(total(&*store).await, 5, "{rights}: {}", shown(&error));
        store.roll_up(NOON, &Retention::default()).await.unwrap();
        assert_eq!(total(&*store).await, 5, "{rights}");
    }
}

#[tokio::test]
async fn a_user_who_may_not_touch_some_keys_writes_no_half_batch() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 5)).await.unwrap();
    for keys in [mark(writer), key("arrivals"), "other:*".to_owned()] {
        store.server.cli(&["ACL", "SETUSER", "ann", "reset"]);
        store.server.cli(&["ACL", "SETUSER", "ann", "on", ">secret", &format!("~{keys}"), "+@all"]);
        let restricted = connect(&store.server.url_for("ann", "secret")).await;

        let error = restricted.apply(&batch(writer, 2, 3)).await.unwrap_err();

        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{keys}: {}", shown(&error));
        assert_eq!(total(&*store).await, 5, "{keys}: nothing is half done");
        assert_eq!(store.writer(writer).await.unwrap().unwrap().last_seq, 1, "{keys}");
    }
}

#[tokio::test]
async fn databases_and_namespaces_share_nothing() {
    let server = RedisServer::start();
    let url = |database| format!("redis://{}/{database}", server.addr());
    let (here, there) = (connect(&url(0)).await, connect(&url(3)).await);
    let named = RedisStore::connect(options(&url(0)).with_namespace("other")).await.unwrap();
    let writer = WriterId::random();

    for (store, hits) in [(&here, 1), (&there, 2), (&named, 4)] {
        assert_eq!(store.apply(&batch(writer, 1, hits)).await.unwrap(), Applied::Applied);
    }

    assert_eq!((total(&here).await, total(&there).await, total(&named).await), (1, 2, 4));
    assert_eq!(server.cli(&["-n", "3", "HGET", &mark(writer), "s"]), "1");
    assert_eq!(server.cli(&["-n", "1", "DBSIZE"]), "0");
    let error = RedisStore::connect(options(&url(99))).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", shown(&error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_is_held_against_the_roots_that_are_given() {
    let server = RedisServer::builder().tls().start();
    let stranger = RedisServer::builder().tls().start();
    let with_roots_of = |authority: &RedisServer| {
        RedisStore::connect(options(&server.url()).with_root_certificate(authority.authority_pem()))
    };
    let writer = WriterId::random();

    let store = with_roots_of(&server).await.unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert_eq!(store.apply(&batch(writer, 1, 3)).await.unwrap(), Applied::Applied);
    assert_eq!(total(&store).await, 3);

    let unknown = RedisStore::connect(options(&server.url()));
    for (refused, whose) in [(with_roots_of(&stranger).await, "a stranger's"), (unknown.await, "the system's")] {
        let error = refused.map(drop).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{whose}: {}", shown(&error));
        assert!(shown(&error).to_lowercase().contains("certificate"), "{whose}: {}", shown(&error));
    }
    let plain = RedisStore::connect(options(&server.url().replace("rediss", "redis"))).await.unwrap_err();
    assert_eq!(plain.kind(), StoreErrorKind::Unavailable, "{}", shown(&plain));
}
