//! Stores by their URL.

use std::sync::Arc;
use std::time::Duration;

use endpoint_stats_core::store::postgres::PostgresOptions;
use endpoint_stats_core::store::redis::RedisOptions;
use endpoint_stats_core::store::remote::RemoteOptions;
use endpoint_stats_core::store::{PostgresStore, RedisStore, RemoteStore, SqliteStore, StatsStore, StoreError};
use tokio::time::{MissedTickBehavior, interval};

/// Opens a store, and tries again for as long as it is not there.
pub(crate) async fn opened(url: &str) -> Arc<dyn StatsStore> {
    let mut tries = interval(Duration::from_millis(200));
    tries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tries.tick().await;
        match open(url).await {
            Ok(store) => return store,
            Err(error) => tracing::warn!(%error, "the store does not open"),
        }
    }
}

/// Opens a store.
pub(crate) async fn open(url: &str) -> Result<Arc<dyn StatsStore>, StoreError> {
    Ok(match url.split_once("://") {
        Some(("sqlite", file)) => Arc::new(SqliteStore::open(file).await?),
        Some(("redis", _)) => Arc::new(RedisStore::connect(RedisOptions::from_url(url)?).await?),
        Some(("http", _)) => Arc::new(RemoteStore::connect(RemoteOptions::from_url(url)?)?),
        _ => Arc::new(PostgresStore::connect(PostgresOptions::from_url(url)?.with_max_connections(4)).await?),
    })
}
