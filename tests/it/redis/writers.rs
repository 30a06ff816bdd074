//! [`Writers`]: processes that go on writing whatever breaks, and know what was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use endpoint_stats_core::store::{Applied, Batch, StatsQuery, StatsStore, StoreErrorKind, WriterId};
use endpoint_stats_core::window::TimeRange;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::small_batches::{NOON, delta};

/// So many more batches take no longer, whatever breaks.
const AT_MOST: Duration = Duration::from_mins(1);

/// Writers that send batch after batch, each until it is acknowledged; every writer names an endpoint of its own.
#[derive(Debug)]
pub(crate) struct Writers {
    writing: JoinSet<(String, u64)>,
    is_over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

impl Writers {
    pub(crate) fn start(store: &Arc<dyn StatsStore>, count: usize) -> Self {
        let (is_over, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut writing = JoinSet::new();
        for number in 0..count {
            let (store, is_over, acknowledged) = (Arc::clone(store), Arc::clone(&is_over), Arc::clone(&acknowledged));
            writing.spawn(async move {
                let (id, route, mut hits) = (WriterId::random(), format!("/writer-{number}"), 0);
                for seq in 1.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    // Sums of different batches differ, so that no loss hides behind a double.
                    let batch = Batch::new(id, seq, vec![delta(&route, NOON, seq)]);
                    acknowledge(&*store, &batch).await;
                    hits += seq;
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                (route, hits)
            });
        }
        Self { writing, is_over, acknowledged }
    }

    /// Waits until so many more batches are acknowledged.
    pub(crate) async fn until_more(&mut self, batches: u64) {
        let wanted = self.acknowledged.load(Ordering::Relaxed) + batches;
        let enough = async {
            let mut looks = interval(Duration::from_millis(5));
            while self.acknowledged.load(Ordering::Relaxed) < wanted {
                looks.tick().await;
            }
        };
        let writing = &mut self.writing;
        tokio::select! {
            done = timeout(AT_MOST, enough) => done.expect("writers go on"),
            // Only a panic ends a writer before its time.
            Some(ended) = writing.join_next() => panic!("{:?}", ended.map_err(|error| error.to_string())),
        }
    }

    /// Ends the writers, and returns what each counted.
    pub(crate) async fn finish(self) -> BTreeMap<String, u64> {
        self.is_over.store(true, Ordering::Relaxed);
        timeout(AT_MOST, self.writing.join_all()).await.expect("writers come to their end").into_iter().collect()
    }
}

/// Sends a batch until it is acknowledged.
///
/// # Panics
///
/// On every answer that a writer does not expect from a store that only fails for a while.
pub(crate) async fn acknowledge(store: &dyn StatsStore, batch: &Batch) {
    let mut pauses = interval(Duration::from_millis(10));
    loop {
        pauses.tick().await;
        match store.apply(batch).await {
            Ok(Applied::Applied | Applied::Duplicate) => return,
            Ok(gap @ Applied::Gap { .. }) => panic!("batch {} is answered with {gap:?}", batch.seq),
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}"),
        }
    }
}

/// The hits of each route.
pub(crate) async fn by_route(store: &dyn StatsStore) -> BTreeMap<String, u64> {
    let report = store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap();
    let hits = |report: endpoint_stats_core::store::EndpointReport| {
        (report.endpoint.route().as_str().to_owned(), report.summary.counts.hits())
    };
    report.endpoints.into_iter().map(hits).collect()
}
