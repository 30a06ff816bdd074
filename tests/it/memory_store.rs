//! The reference keeps the promises of every store.

use endpoint_stats_core::store::MemoryStore;

async fn fresh() -> Box<MemoryStore> {
    Box::default()
}

endpoint_stats_core::store_conformance!(fresh);
