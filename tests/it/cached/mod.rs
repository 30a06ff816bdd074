//! Redis in front of a store costs no answer anything: not when it works, not when it fails.

mod contract;
mod faults;
mod freshness;
mod same_answers;
mod single_flight;
mod sizes;
mod told;

use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::store::cached::CacheStats;
use endpoint_stats_core::store::redis::RedisOptions;
use endpoint_stats_core::store::{Applied, Batch, CachedStore, StatsQuery, StatsStore, WriterId};
use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};
use tokio::time::{interval, timeout};

use self::single_flight::CountingStore;
use crate::support::redis::RedisServer;

const NOON: Timestamp = Timestamp::from_unix(1_700_049_600);

type Cached = CachedStore<Arc<CountingStore>>;

/// A store in front of which a Redis is said to be, that may be slow, as on a machine that runs other tests besides.
fn cached(inner: &Arc<CountingStore>, url: &str) -> Cached {
    impatient(inner, url).with_look_up_within(Duration::from_secs(10))
}

/// The same with the time for a look-up that users get.
fn impatient(inner: &Arc<CountingStore>, url: &str) -> Cached {
    CachedStore::new(Arc::clone(inner), RedisOptions::from_url(url).unwrap()).unwrap()
}

/// A Redis that forgets all when it restarts.
fn forgetful_redis() -> RedisServer {
    RedisServer::builder().setting("appendonly", "no").start()
}

/// Hits at one endpoint in an hour long ago.
async fn add(store: &dyn StatsStore, hits: u64) {
    add_at(store, NOON, hits).await;
}

async fn add_at(store: &dyn StatsStore, at: Timestamp, hits: u64) {
    let counts = Counts { outcomes: [(Outcome::Status(200), hits)].into_iter().collect(), ..Counts::default() };
    let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new("/users/{id}").unwrap());
    let window = Window::containing(at, Width::TenSeconds);
    let delta = Delta { endpoint, window, first_at: at, last_at: at, counts };
    let applied = store.apply(&Batch::new(WriterId::random(), 1, vec![delta])).await.unwrap();
    assert_eq!(applied, Applied::Applied);
}

/// The question about an hour that ended long ago.
fn hour(from: Timestamp) -> StatsQuery {
    StatsQuery::over(TimeRange::new(from, from.plus_secs(3_600)))
}

async fn hits(store: &dyn StatsStore, query: &StatsQuery) -> u64 {
    store.query(query).await.unwrap().totals.counts.hits()
}

/// Waits for what a store does beside the answers.
async fn until<S: StatsStore + 'static>(store: &CachedStore<S>, is_reached: impl Fn(CacheStats) -> bool) {
    let mut looks = interval(Duration::from_millis(5));
    let reached = timeout(Duration::from_mins(1), async {
        while !is_reached(store.stats()) {
            looks.tick().await;
        }
    });
    assert!(reached.await.is_ok(), "a minute later there is only {:?}", store.stats());
}

/// Asks again and again, until Redis answers.
async fn ask_until_hit(store: &Cached, query: &StatsQuery, expected: u64) {
    let before = store.stats().hits;
    let mut asks = interval(Duration::from_millis(20));
    let hit = timeout(Duration::from_mins(1), async {
        while store.stats().hits == before {
            assert_eq!(hits(store, query).await, expected);
            asks.tick().await;
        }
    });
    assert!(hit.await.is_ok(), "a minute later there is only {:?}", store.stats());
}
