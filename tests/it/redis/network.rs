//! What breaks between a store and Redis, and what it leaves behind: nothing lost, nothing doubled.

use std::time::Duration;

use endpoint_stats_core::store::redis::RedisStore;
use endpoint_stats_core::store::{Applied, StatsStore, StoreErrorKind, WriterId};
use tokio::time::{Instant, timeout};

use super::writers::acknowledge;
use super::{PATIENCE, PrivateStore, behind_a_proxy, connect};
use crate::small_batches::{batch, shown, total};
use crate::support::proxy::{Direction, Proxy};
use crate::support::redis::RedisServer;

/// How long a connection must be silent before its reply counts as given.
const QUIET: Duration = Duration::from_millis(20);

/// A call is a few commands, each of which may take [`PATIENCE`].
const AT_MOST: Duration = Duration::from_millis(1_500);

/// Loses the acknowledgement of each batch, sends it again, and compares the sum with what was acknowledged.
///
/// `direct` is a store on the same server past the proxy.
pub(crate) async fn lost_acknowledgements_count_once(store: &dyn StatsStore, proxy: &Proxy, direct: &dyn StatsStore) {
    let writer = WriterId::random();
    let mut taken = 0;
    for seq in 1..=40 {
        // What only the batch itself carries, so that no other request is hit.
        proxy.drop_replies_to(b"/users/{id}", QUIET);
        let error = store.apply(&batch(writer, seq, 1)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        taken += u32::from(direct.writer(writer).await.unwrap().is_some_and(|state| state.last_seq == seq));
        proxy.pass().await;
        let answer = store.apply(&batch(writer, seq, 1)).await.unwrap();
        assert!(matches!(answer, Applied::Applied | Applied::Duplicate), "{answer:?}");
    }

    assert!(taken >= 20, "{taken} rounds lost an acknowledgement");
    assert_eq!(total(direct).await, 40);
}

/// Cuts the connection after a number of bytes that differs from batch to batch, in one direction or the other.
pub(crate) async fn cuts_lose_and_double_nothing(store: &dyn StatsStore, proxy: &Proxy) {
    let writer = WriterId::random();
    let mut cuts = 0;
    for seq in 1..=120 {
        let direction = if seq % 2 == 0 { Direction::ToServer } else { Direction::ToClient };
        let bytes = if seq % 2 == 0 { 7 * seq % 500 } else { seq % 40 };
        proxy.cut_after(direction, bytes);
        while store.apply(&batch(writer, seq, seq)).await.is_err() {
            cuts += 1;
        }
    }
    proxy.pass().await;

    assert!(cuts >= 40, "{cuts} cuts");
    assert_eq!(total(store).await, (1..=120).sum::<u64>());
}

/// Breaks the network in every way in which no answer comes, to a store that waits [`PATIENCE`] for one.
pub(crate) async fn no_answer_is_given_up_in_time_and_healed(store: &dyn StatsStore, proxy: &Proxy) {
    fails_in_time(store, proxy, "black hole", async || proxy.black_hole()).await;
    let slow = Duration::from_secs(30);
    fails_in_time(store, proxy, "slow replies", async || proxy.delay(Direction::ToClient, slow)).await;
    fails_in_time(store, proxy, "slow requests", async || proxy.delay(Direction::ToServer, slow)).await;
    fails_in_time(store, proxy, "half replies", async || proxy.slice(Direction::ToClient, 1, slow)).await;
    fails_in_time(store, proxy, "half requests", async || proxy.slice(Direction::ToServer, 40, slow)).await;
    fails_in_time(store, proxy, "refused", async || {
        proxy.refuse().await;
        proxy.reset().await;
    })
    .await;
}

/// Ends every connection after each batch; `kept` is what the server has, looked at in a way that nothing breaks.
pub(crate) async fn ended_connections_are_replaced(store: &dyn StatsStore, proxy: &Proxy, kept: &dyn StatsStore) {
    let writer = WriterId::random();
    for seq in 1..=30 {
        acknowledge(store, &batch(writer, seq, 1)).await;
        if seq % 2 == 0 { proxy.cut().await } else { proxy.reset().await }
    }

    assert_eq!(total(kept).await, 30);
    assert!(proxy.accepted() >= 30, "{}", proxy.accepted());
}

/// Drops futures after more and more turns of the runtime, and sends their batches again.
pub(crate) async fn dropped_futures_leave_no_batch_half_applied(store: &dyn StatsStore) {
    let writer = WriterId::random();
    let mut dropped = 0;
    for seq in 1..=200 {
        let next = batch(writer, seq, 1);
        // Long enough for some to be under way, and for others to be done.
        let moment = async {
            for _ in 0..seq {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            answer = store.apply(&next) => assert_eq!(answer.unwrap(), Applied::Applied),
            () = moment => {
                dropped += 1;
                // Nobody waits any more; sent again, it counts once.
                assert!(matches!(store.apply(&next).await.unwrap(), Applied::Applied | Applied::Duplicate));
            }
        }
    }

    assert!(dropped >= 10, "{dropped} futures were dropped");
    assert_eq!(total(store).await, 200);
}

/// Expects a failure in time, and the same batch to count once when the network is whole again.
async fn fails_in_time(store: &dyn StatsStore, proxy: &Proxy, what: &str, breaks: impl AsyncFnOnce()) {
    let writer = WriterId::random();
    let before = total(store).await;
    acknowledge(store, &batch(writer, 1, 5)).await;
    breaks().await;

    let begun = Instant::now();
    let error = store.apply(&batch(writer, 2, 3)).await.unwrap_err();
    let took = begun.elapsed();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{what}: {}", shown(&error));
    assert!(took < AT_MOST, "{what}: gave up after {took:?}");
    proxy.pass().await;

    // A connection that waits for the rest of a reply would be of no use for longer than that.
    let healed = timeout(2 * AT_MOST, acknowledge(store, &batch(writer, 2, 3))).await;
    healed.unwrap_or_else(|_| panic!("{what}: the connection is used again"));
    assert_eq!(total(store).await, before + 8, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_acknowledgement_was_lost_counts_once() {
    let server = RedisServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;

    lost_acknowledgements_count_once(&store, &proxy, &connect(&server.url()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_at_any_byte_leaves_nothing_lost_or_doubled() {
    let server = RedisServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;

    cuts_lose_and_double_nothing(&store, &proxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_in_which_no_answer_comes_is_given_up_in_time_and_healed() {
    let server = RedisServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;

    no_answer_is_given_up_in_time_and_healed(&store, &proxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_come_late_but_in_time_are_answers() {
    let server = RedisServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let writer = WriterId::random();
    acknowledge(&store, &batch(writer, 1, 1)).await;

    proxy.delay(Direction::ToClient, Duration::from_millis(50));
    proxy.slice(Direction::ToClient, 3, Duration::from_millis(1));
    for seq in 2..=6 {
        assert_eq!(store.apply(&batch(writer, seq, 1)).await.unwrap(), Applied::Applied);
    }

    assert_eq!(total(&store).await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_are_replaced() {
    let server = RedisServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;

    ended_connections_are_replaced(&store, &proxy, &store).await;
}

/// The number of a writer's last batch; connections that are being made may fail as the last did.
async fn last_seq(store: &RedisStore, writer: WriterId) -> u64 {
    let mut tries = 0;
    loop {
        match store.writer(writer).await {
            Ok(state) => return state.unwrap().last_seq,
            Err(error) => assert!(tries < 20, "{}", shown(&error)),
        }
        tries += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_of_a_call_that_was_given_up_answer_no_other() {
    let server = RedisServer::start();
    let (store, proxy) = behind_a_proxy(&server).await;
    let writer = WriterId::random();
    acknowledge(&store, &batch(writer, 1, 1)).await;
    for seq in 2..=6 {
        proxy.delay(Direction::ToClient, PATIENCE * 3 / 2);
        store.apply(&batch(writer, seq, 1)).await.unwrap_err();
        proxy.delay(Direction::ToClient, Duration::ZERO);

        // The late reply is under way now: to the batch, or to the question whether the connection lives.
        let last_seq = last_seq(&store, writer).await;
        let expected = if last_seq == seq { Applied::Duplicate } else { Applied::Applied };
        assert!(last_seq == seq || last_seq == seq - 1, "{last_seq} after {seq}");
        assert_eq!(store.apply(&batch(writer, seq, 1)).await.unwrap(), expected);
    }

    assert_eq!(total(&store).await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_that_are_dropped_leave_no_batch_half_applied() {
    let store = PrivateStore::start().await;

    dropped_futures_leave_no_batch_half_applied(&*store).await;
}
