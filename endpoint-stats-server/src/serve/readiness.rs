//! [`Readiness`]: whether requests should come here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use endpoint_stats_core::store::StatsStore;

/// How long the store may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether requests should come here: not while shutting down, and not while the store takes nothing.
#[derive(Clone, Debug)]
pub(super) struct Readiness {
    store: Arc<dyn StatsStore>,
    is_draining: Arc<AtomicBool>,
}

impl Readiness {
    pub(super) fn new(store: Arc<dyn StatsStore>) -> Self {
        Self { store, is_draining: Arc::default() }
    }

    /// Says no from now on.
    pub(super) fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// The reason why not.
    pub(super) async fn check(&self) -> Result<(), String> {
        if self.is_draining.load(Ordering::Acquire) {
            return Err("shutting down".to_owned());
        }
        match tokio::time::timeout(PATIENCE, self.store.health()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                // What the store says may name hosts and users: that is for the log.
                tracing::warn!("not ready: {:#}", anyhow::Error::new(error));
                Err("the store takes nothing now; the log says why".to_owned())
            }
            Err(_) => Err(format!("the store did not answer within {} s", PATIENCE.as_secs())),
        }
    }
}
