//! [`Settler`]: the rhythm in which batches that have arrived are merged into windows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a process with batches of its own looks whether it is time to settle.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether this process is about to look.
#[derive(Debug, Default)]
pub(super) struct Settler {
    is_planned: AtomicBool,
}

/// What holds a settler, and settles.
pub(super) trait Settles: Send + Sync + 'static {
    fn settler(&self) -> &Settler;

    /// Settles if it is time, and says whether batches are left that wait.
    fn settle_what_is_due(self: Arc<Self>) -> impl Future<Output = bool> + Send;
}

/// Looks once a second, as long as batches wait and the store is in use.
#[expect(clippy::disallowed_methods, reason = "settling has a rhythm of its own, beside the flusher's")]
pub(super) fn soon<T: Settles>(store: &Arc<T>) {
    if store.settler().is_planned.swap(true, Ordering::Relaxed) {
        return;
    }
    let store = Arc::downgrade(store);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(store) = store.upgrade() else { return };
            // What is taken from here on is found below, or plans anew.
            store.settler().is_planned.store(false, Ordering::Relaxed);
            let is_any_left = Arc::clone(&store).settle_what_is_due().await;
            if !is_any_left || store.settler().is_planned.swap(true, Ordering::Relaxed) {
                return;
            }
        }
    });
}
