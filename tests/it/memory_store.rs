//! The reference keeps the promises of every store.

use endpoint_stats_core::store::MemoryStore;

#[expect(clippy::unused_async, reason = "the tests wait for stores that take time to make")]
async fn fresh() -> Box<MemoryStore> {
    Box::default()
}

endpoint_stats_core::store_conformance!(fresh);
