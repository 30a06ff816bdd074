//! [`Writer`]: a recorder and its flusher, as one process has them.

use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::aggregate::{Aggregator, Limits};
use endpoint_stats_core::clock::ManualClock;
use endpoint_stats_core::flush::spool::Spool;
use endpoint_stats_core::flush::{Books, FlushConfig, Flusher};
use endpoint_stats_core::recorder::{Arrival, OpenHit, Recorder};
use endpoint_stats_core::store::StatsStore;
use endpoint_stats_core::window::Timestamp;
use endpoint_stats_core::{Hit, Method, Outcome, ServiceName};
use tokio::time::{Instant, interval};

pub(crate) const NOON: Timestamp = Timestamp::from_unix(1_700_049_600);

/// A recorder whose hits go to a store.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) recorder: Aggregator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) flusher: Flusher,
}

/// Drains once a second and never rolls up.
pub(crate) fn no_roll_up() -> FlushConfig {
    FlushConfig { retention: None, ..FlushConfig::default() }
}

/// Counts hits of one endpoint.
pub(crate) fn hit(recorder: &Aggregator, route: &str, hits: u64) {
    let arrival = Arrival { method: Method::Get, route: Some(route), consumer: None };
    let hit = Hit {
        outcome: Outcome::Status(200),
        latency: Some(Duration::from_millis(3).into()),
        duration: Some(Duration::from_millis(4).into()),
        response_bytes: 10,
        caller: None,
    };
    for _ in 0..hits {
        recorder.begin(arrival).unwrap().end(&hit);
    }
}

impl Writer {
    pub(crate) fn start(store: Arc<dyn StatsStore>) -> Self {
        Self::with_config(store, no_roll_up())
    }

    pub(crate) fn with_config(store: Arc<dyn StatsStore>, config: FlushConfig) -> Self {
        Self::with(|recorder, clock| Flusher::start(recorder, store, clock, config))
    }

    /// Writes to a disk before it sends.
    pub(crate) fn with_spool(store: Arc<dyn StatsStore>, config: FlushConfig, spool: Spool) -> Self {
        Self::with(|recorder, clock| Flusher::start_with_spool(recorder, store, clock, config, spool))
    }

    fn with(start: impl FnOnce(Aggregator, Arc<ManualClock>) -> Flusher) -> Self {
        let recorder = Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default());
        let clock = Arc::new(ManualClock::at(NOON));
        let flusher = start(recorder.clone(), clock.clone());
        Self { recorder, clock, flusher }
    }

    pub(crate) fn hit(&self, route: &str, hits: u64) {
        hit(&self.recorder, route, hits);
    }

    /// Lets paused time go on until the books say enough; they balance all the while.
    pub(crate) async fn until_books(&self, mut enough: impl FnMut(&Books) -> bool) -> Books {
        let mut looks = interval(Duration::from_millis(7));
        let begun = Instant::now();
        loop {
            looks.tick().await;
            let books = self.flusher.books();
            assert!(begun.elapsed() < Duration::from_hours(1), "an hour later there is only {books:?}");
            assert!(books.balance(), "{books:?}");
            if enough(&books) {
                return books;
            }
        }
    }

    /// Waits until so many hits were drained and none is in memory.
    pub(crate) async fn until_written(&self, observed: u64) -> Books {
        self.until_books(|books| books.observed == observed && books.pending == 0).await
    }

    /// Stops with time to spare.
    pub(crate) async fn stop(self) -> Books {
        self.flusher.shutdown(Duration::from_hours(1)).await.books
    }
}
