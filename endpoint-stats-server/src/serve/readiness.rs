//! [`Readiness`]: whether requests should come here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use endpoint_stats_core::store::StatsStore;

/// How long the store may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(1);

/// A store that failed fewer checks in a row may only have had a bad moment.
const FAILURES: u32 = 3;

/// Whether requests should come here: not while shutting down, and not while the store takes nothing.
///
/// Not before the store was well once, and not after it failed three checks in a row.
#[derive(Clone, Debug)]
pub(super) struct Readiness {
    store: Arc<dyn StatsStore>,
    is_draining: Arc<AtomicBool>,
    failures: Arc<AtomicU32>,
}

impl Readiness {
    pub(super) fn new(store: Arc<dyn StatsStore>) -> Self {
        Self { store, is_draining: Arc::default(), failures: Arc::new(AtomicU32::new(FAILURES)) }
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
        let Err(reason) = self.ask().await else {
            self.failures.store(0, Ordering::Release);
            return Ok(());
        };
        let before = self.failures.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(n.saturating_add(1)));
        if before.is_ok_and(|before| before < FAILURES - 1) { Ok(()) } else { Err(reason) }
    }

    async fn ask(&self) -> Result<(), String> {
        match tokio::time::timeout(PATIENCE, self.store.health()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                // What the store says may name hosts and users: that is for the log.
                tracing::warn!("the store is not well: {:#}", anyhow::Error::new(error));
                Err("the store takes nothing now; the log says why".to_owned())
            }
            Err(_) => Err(format!("the store did not answer within {} s", PATIENCE.as_secs())),
        }
    }
}
