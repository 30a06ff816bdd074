//! [`Retry`]: how long a store that cannot be reached is tried again.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use endpoint_stats_core::store::{StoreError, StoreErrorKind};
use tokio::time::interval;

const RETRY_EVERY: Duration = Duration::from_millis(500);

/// Times that a store is tried again.
const TIMES: u32 = 10;

/// How long a store that cannot be reached is tried again: twice a second, ten times or without end.
#[derive(Clone, Debug)]
pub(crate) struct Retry(Arc<AtomicU32>);

impl Retry {
    /// Gives up after ten times.
    pub(crate) fn some_times() -> Self {
        Self(Arc::new(TIMES.into()))
    }

    /// Does not give up before [`hurry`](Self::hurry).
    pub(crate) fn without_end() -> Self {
        Self(Arc::new(u32::MAX.into()))
    }

    /// Gives up after ten times, those included that were tried before.
    pub(crate) fn hurry(&self) {
        self.0.store(TIMES, Ordering::Relaxed);
    }

    /// Does a call until the store answers; the call is told how often it was done before.
    pub(crate) async fn until_answered<T, F>(&self, mut call: impl FnMut(u32) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = interval(RETRY_EVERY);
        let mut tries = 0;
        loop {
            pause.tick().await;
            match call(tries).await {
                Err(error) if error.kind() == StoreErrorKind::Unavailable && tries < self.0.load(Ordering::Relaxed) => {
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn unavailable(_: u32) -> Result<(), StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, "write"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_stays_away_is_given_up() {
        assert!(Retry::some_times().until_answered(unavailable).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_hurries_gives_up() {
        let retry = Retry::without_end();
        retry.hurry();

        assert!(retry.until_answered(unavailable).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_comes_back_is_told_how_often_it_was_asked() {
        let retry = Retry::without_end();

        let answer = retry.until_answered(async |tries| match tries {
            50 => Ok(tries),
            _ => Err(StoreError::new(StoreErrorKind::Unavailable, "write")),
        });

        assert_eq!(answer.await.unwrap(), 50);
    }
}
