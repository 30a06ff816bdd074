//! The contract of every store.

use std::future::{Ready, ready};
use std::ops::Deref;

use endpoint_stats_core::store::redis::RedisOptions;
use endpoint_stats_core::store::{CachedStore, MemoryStore};
use endpoint_stats_core::store_conformance;

use super::forgetful_redis;
use crate::support::redis::RedisServer;

struct PrivateStore {
    store: CachedStore<MemoryStore>,
    _redis: RedisServer,
}

impl Deref for PrivateStore {
    type Target = CachedStore<MemoryStore>;

    fn deref(&self) -> &CachedStore<MemoryStore> {
        &self.store
    }
}

fn fresh_store() -> Ready<PrivateStore> {
    let redis = forgetful_redis();
    let options = RedisOptions::from_url(&redis.url()).unwrap();
    ready(PrivateStore { store: CachedStore::new(MemoryStore::default(), options).unwrap(), _redis: redis })
}

store_conformance!(fresh_store);
