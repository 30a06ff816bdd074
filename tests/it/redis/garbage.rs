//! Answers that are none: a server that is no Redis, or has gone mad.

use endpoint_stats_core::store::redis::RedisStore;
use endpoint_stats_core::store::{StatsStore, StoreErrorKind, WriterId};
use tokio::time::{Duration, Instant};

use super::liar::Liar;
use super::options;
use super::writers::acknowledge;
use crate::small_batches::{batch, shown, total};
use crate::support::redis::RedisServer;

const PATIENCE: Duration = Duration::from_millis(250);

const LIES: [&str; 16] = [
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "\0\u{1}\u{2}\r\n",
    "$99999999999\r\n",
    "$-7\r\n",
    "*999999999\r\n",
    "*3\r\n:1\r\n",
    "$5\r\nab\r\n",
    ":one\r\n",
    "+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
    "+OK\r\n",
    ":1\r\n",
    "*0\r\n",
    "_\r\n",
    "-\r\n",
    "-ERR\r\n",
    "-NOSCRIPT no such script\r\n",
];

/// Lies to everything but `spared`, and expects that nothing is made of it and everything goes on after it.
async fn no_lie_is_an_answer(spared: &'static [u8]) {
    let server = RedisServer::start();
    let liar = Liar::before(server.addr()).await;
    let options = options(&format!("redis://{}/0", liar.addr())).with_answer_within(PATIENCE);
    let store = RedisStore::connect(options).await.unwrap();
    let writer = WriterId::random();
    for (round, lie) in (1..).zip(LIES) {
        acknowledge(&store, &batch(writer, 2 * round - 1, 5)).await;

        liar.lie(lie.as_bytes(), spared);
        let begun = Instant::now();
        let error = store.apply(&batch(writer, 2 * round, 3)).await.unwrap_err();
        // Anything else would make a flusher throw the batch away, or rename itself.
        let kinds = [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt];
        assert!(kinds.contains(&error.kind()), "{lie:?}: {}", shown(&error));
        assert!(begun.elapsed() < 4 * PATIENCE, "{lie:?}: {:?}", begun.elapsed());
        assert!(store.writer(writer).await.is_err(), "{lie:?}: an answer was made of it");
        liar.tell_the_truth();

        acknowledge(&store, &batch(writer, 2 * round, 3)).await;
        assert_eq!(total(&store).await, round * 8, "{lie:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_no_sign_of_life() {
    no_lie_is_an_answer(b"").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_no_acknowledgement_and_its_connection_is_not_used_again() {
    no_lie_is_an_answer(b"PING").await;
}
