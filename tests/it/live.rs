//! Hits of the last seconds, said and heard on a real Redis.

use std::time::Duration;

use endpoint_stats_core::store::live::{LiveFeed, LiveView, Scope};
use endpoint_stats_core::store::redis::RedisOptions;
use endpoint_stats_core::store::{Applied, ListeningStore, MemoryStore, StatsStore, WriterId};
use tokio::time::interval;

use crate::small_batches::batch;
use crate::support::proxy::Proxy;
use crate::support::redis::{RedisCluster, RedisServer};

/// Looks so often at most, ten times a second.
const LOOKS: u32 = 300;

/// A process with a feed, and the store that tells it.
struct Process {
    feed: LiveFeed,
    store: ListeningStore<MemoryStore, LiveFeed>,
}

impl Process {
    fn start(url: &str) -> Self {
        let options = RedisOptions::from_url(url).unwrap().with_answer_within(Duration::from_secs(1));
        let feed = LiveFeed::of_the_fleet(options);
        Self { store: feed.listening_to(MemoryStore::default()), feed }
    }

    async fn wait_for(&self, is_seen: impl Fn(&LiveView) -> bool) -> LiveView {
        let mut ticks = interval(Duration::from_millis(100));
        for _ in 0..LOOKS {
            let view = self.feed.view();
            if is_seen(&view) {
                return view;
            }
            ticks.tick().await;
        }
        panic!("never seen; at last {:?}", self.feed.view());
    }

    async fn hears(&self, processes: usize) {
        self.wait_for(|view| view.scope == Scope::Fleet { processes }).await;
    }
}

fn hits(view: &LiveView) -> u64 {
    view.endpoints.iter().map(|endpoint| endpoint.hits).sum()
}

#[tokio::test]
async fn each_process_shows_the_hits_of_all() {
    let redis = RedisServer::start();
    let (a, b) = (Process::start(&redis.url()), Process::start(&redis.url()));
    a.hears(2).await;
    b.hears(2).await;

    a.store.apply(&batch(WriterId::random(), 1, 3)).await.unwrap();
    b.store.apply(&batch(WriterId::random(), 1, 4)).await.unwrap();

    for process in [&a, &b] {
        let view = process.wait_for(|view| hits(view) == 7).await;
        assert_eq!(view.hits_by_second.iter().sum::<u64>(), 7);
        assert_eq!(view.endpoints.len(), 1);
    }
}

#[tokio::test]
async fn a_batch_sent_twice_is_shown_once() {
    let feed = LiveFeed::of_this_process();
    let store = feed.listening_to(MemoryStore::default());
    let batch = batch(WriterId::random(), 1, 3);

    assert_eq!(store.apply(&batch).await.unwrap(), Applied::Applied);
    assert_eq!(store.apply(&batch).await.unwrap(), Applied::Duplicate);

    assert_eq!(hits(&feed.view()), 3);
}

#[tokio::test]
async fn a_process_that_hears_nobody_says_so_until_it_does_again() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.addr()).await;
    let (far, near) = (Process::start(&format!("redis://{}", proxy.addr())), Process::start(&redis.url()));
    far.hears(2).await;

    proxy.black_hole();
    near.store.apply(&batch(WriterId::random(), 1, 5)).await.unwrap();
    let view = far.wait_for(|view| view.scope == Scope::ThisProcess).await;
    assert_eq!(hits(&view), 0, "what others did is not shown as all there is");
    far.store.apply(&batch(WriterId::random(), 1, 4)).await.unwrap();
    assert_eq!(hits(&far.feed.view()), 4);

    proxy.pass().await;
    far.hears(2).await;
}

#[tokio::test]
async fn a_redis_that_starts_later_is_heard_then() {
    let mut redis = RedisServer::start();
    let url = redis.url();
    redis.kill_9();
    let process = Process::start(&url);
    assert_eq!(process.feed.view().scope, Scope::ThisProcess);

    redis.start_again();

    process.hears(1).await;
}

#[tokio::test]
async fn words_of_another_kind_are_nothing() {
    let redis = RedisServer::start();
    let process = Process::start(&redis.url());
    process.hears(1).await;

    for words in ["", "\u{1}", "hello", "\u{1}0123456789abcdef~"] {
        redis.cli(&["PUBLISH", "es1:endpoint-stats:live", words]);
    }
    process.store.apply(&batch(WriterId::random(), 1, 2)).await.unwrap();

    let view = process.wait_for(|view| hits(view) == 2).await;
    assert_eq!(view.scope, Scope::Fleet { processes: 1 });
}

#[tokio::test]
async fn processes_at_different_nodes_of_a_cluster_hear_each_other() {
    let cluster = RedisCluster::start();
    let (a, b) = (Process::start(&cluster.url()), Process::start(&cluster.url()));
    a.hears(2).await;

    b.store.apply(&batch(WriterId::random(), 1, 6)).await.unwrap();

    a.wait_for(|view| hits(view) == 6).await;
}
