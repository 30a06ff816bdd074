//! Keys that hold what they should not: told, nothing half done, and nothing lost when they are put right.

use std::time::Duration;

use endpoint_stats_core::store::{Applied, Retention, StatsStore, StoreErrorKind, WriterId};
use tokio::time::{interval, timeout};

use super::{PrivateStore, key, mark};
use crate::small_batches::{NOON, batch, shown, total};

/// Puts a value of another type in the place of a key, and returns what puts it right.
fn displace<'s>(store: &'s PrivateStore, key: &str, wrong: &[&str]) -> impl FnOnce() + use<'s> {
    let aside = format!("{key}:aside");
    let was_there = store.server.cli(&["EXISTS", key]) == "1";
    if was_there {
        store.server.cli(&["RENAME", key, &aside]);
    }
    let [command, arguments @ ..] = wrong else { panic!("a command") };
    store.server.cli(&[&[*command, key], arguments].concat());
    let key = key.to_owned();
    move || {
        store.server.cli(&["DEL", &key]);
        if was_there {
            store.server.cli(&["RENAME", &aside, &key]);
        }
    }
}

/// Waits until everything that has arrived is settled.
async fn until_settled(store: &PrivateStore) {
    let settled = async {
        let mut looks = interval(Duration::from_millis(50));
        while store.server.cli(&["LLEN", &key("arrivals")]) != "0" {
            looks.tick().await;
        }
    };
    timeout(Duration::from_secs(15), settled).await.expect("what has arrived is settled");
}

#[tokio::test]
async fn a_mark_of_a_wrong_type_is_told_and_nothing_is_appended() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 5)).await.unwrap();
    for wrong in [["SET", "text"], ["RPUSH", "element"], ["SADD", "member"]] {
        let put_right = displace(&store, &mark(writer), &wrong);

        let error = store.apply(&batch(writer, 2, 3)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", shown(&error));
        assert!(shown(&error).contains("WRONGTYPE"), "{}", shown(&error));
        assert_eq!(store.writer(writer).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
        put_right();
        assert_eq!(total(&*store).await, 5);
    }

    assert_eq!(store.apply(&batch(writer, 2, 3)).await.unwrap(), Applied::Applied);
    assert_eq!(total(&*store).await, 8);
}

#[tokio::test]
async fn arrivals_of_a_wrong_type_are_told_and_no_mark_is_moved() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 5)).await.unwrap();
    for wrong in [["SET", "text"].as_slice(), &["HSET", "field", "value"], &["SADD", "member"]] {
        let put_right = displace(&store, &key("arrivals"), wrong);

        let error = store.apply(&batch(writer, 2, 3)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{}", shown(&error));
        assert!(shown(&error).contains("WRONGTYPE"), "{}", shown(&error));
        assert_eq!(store.writer(writer).await.unwrap().unwrap().last_seq, 1);
        put_right();
    }

    assert_eq!(total(&*store).await, 5);
    assert_eq!(store.apply(&batch(writer, 2, 3)).await.unwrap(), Applied::Applied);
    assert_eq!(total(&*store).await, 8);
}

/// A mark whose fields are no mark: no number, a digest cut short, a field alone.
#[tokio::test]
async fn a_mark_that_cannot_be_read_is_told_and_nothing_is_appended() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 5)).await.unwrap();
    for wrong in [
        ["HSET", "s", "one", "d", "x"].as_slice(),
        &["HSET", "s", "7", "d", "short"],
        &["HSET", "s", "7"],
        &["HSET", "d", "x"],
    ] {
        let put_right = displace(&store, &mark(writer), wrong);

        let error = store.apply(&batch(writer, 2, 3)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{wrong:?}: {}", shown(&error));
        put_right();
        assert_eq!(total(&*store).await, 5);
    }

    assert_eq!(store.apply(&batch(writer, 2, 3)).await.unwrap(), Applied::Applied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_taken_while_any_other_key_has_a_wrong_type_and_settled_when_it_is_right_again() {
    let window = format!("window:10:{}", NOON.as_unix());
    for (name, wrong) in [
        ("endpoints", ["SET", "text"]),
        ("windows", ["SET", "text"]),
        (&window, ["SET", "text"]),
        ("version", ["RPUSH", "element"]),
        ("turn", ["RPUSH", "element"]),
    ] {
        let store = PrivateStore::start().await;
        let writer = WriterId::random();
        store.apply(&batch(writer, 1, 5)).await.unwrap();
        until_settled(&store).await;
        let put_right = displace(&store, &key(name), &wrong);

        assert_eq!(store.apply(&batch(writer, 2, 3)).await.unwrap(), Applied::Applied, "{name}");
        if name != "turn" {
            let error = store.roll_up(NOON, &Retention::default()).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{name}: {}", shown(&error));
            assert_eq!(store.server.cli(&["LLEN", &key("arrivals")]), "1", "{name}: nothing is half settled");
        }
        put_right();
        // Settling goes on with the next batch.
        assert_eq!(store.apply(&batch(writer, 3, 1)).await.unwrap(), Applied::Applied, "{name}");
        until_settled(&store).await;
        assert_eq!(total(&*store).await, 9, "{name}");
        assert_eq!(store.endpoints().await.unwrap()[0].hits, 9, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_cannot_be_read_is_set_aside_and_holds_up_no_other() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.server.cli(&["RPUSH", &key("arrivals"), "\u{1}garbage"]);
    store.apply(&batch(writer, 1, 5)).await.unwrap();

    assert_eq!(total(&*store).await, 5);
    until_settled(&store).await;

    assert_eq!(total(&*store).await, 5);
    assert_eq!(store.server.cli(&["LLEN", &key("dead")]), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_cannot_be_read_is_set_aside_and_holds_up_no_other() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 5)).await.unwrap();
    until_settled(&store).await;
    let window = key(&format!("window:10:{}", NOON.as_unix()));
    let field = store.server.cli(&["HKEYS", &window]);
    store.server.cli(&["HSET", &window, &field, "\u{1}garbage"]);

    store.apply(&batch(writer, 2, 3)).await.unwrap();
    until_settled(&store).await;

    assert_eq!(total(&*store).await, 3);
    assert_eq!(store.endpoints().await.unwrap()[0].hits, 8);
    assert_eq!(store.server.cli(&["LLEN", &key("dead")]), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_of_which_nothing_is_left_holds_up_no_roll_up() {
    let store = PrivateStore::start().await;
    let writer = WriterId::random();
    store.apply(&batch(writer, 1, 5)).await.unwrap();
    until_settled(&store).await;
    let window = key(&format!("window:10:{}", NOON.as_unix()));
    let field = store.server.cli(&["HKEYS", &window]);
    store.server.cli(&["HSET", &window, &field, "\u{1}garbage"]);
    assert_eq!(total(&*store).await, 0);

    let later = NOON.plus_secs(86_400);
    let done = store.roll_up(later, &Retention::default()).await.unwrap_or_else(|error| panic!("{}", shown(&error)));

    assert_eq!(done.moved, 0);
    assert_eq!(store.server.cli(&["SCARD", &key("windows")]), "0");
    assert_eq!(store.roll_up(later, &Retention::default()).await.unwrap().moved, 0);
}
