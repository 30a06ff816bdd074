//! A store whose calls are spans keeps the promises of every store.

use endpoint_stats_core::store::{MemoryStore, TracedStore};

#[expect(clippy::unused_async, reason = "the tests wait for stores that take time to make")]
async fn fresh() -> Box<TracedStore<MemoryStore>> {
    Box::new(TracedStore::new(MemoryStore::default(), "memory"))
}

endpoint_stats_core::store_conformance!(fresh);
