//! [`Flights`]: many who ask the same at once, and one who goes.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::question::Digest;
use crate::store::{StoreError, StoreErrorKind};

type Landed<T> = Result<Arc<T>, Arc<StoreError>>;
type Waiting<T> = HashMap<Digest, Vec<oneshot::Sender<Landed<T>>>>;

/// The questions that are being answered, and who waits for each; clones share them.
///
/// The work runs in a task of its own: whoever stops waiting stops nobody else.
#[derive(Debug)]
pub(super) struct Flights<T>(Arc<Mutex<Waiting<T>>>);

/// A place to wait for an answer.
#[derive(Debug)]
pub(super) struct Seat<T>(oneshot::Receiver<Landed<T>>);

/// Tells those who wait when it ends, however that is.
struct Flight<T> {
    flights: Flights<T>,
    question: Digest,
    // None while the work goes on, and for ever if it panicked or its runtime ended.
    landed: Option<Landed<T>>,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Takes a seat, and starts the work if nobody has yet. Says whether somebody had.
    pub(super) fn join<W>(&self, question: Digest, work: impl FnOnce() -> W) -> (Seat<T>, bool)
    where
        W: Future<Output = Result<Arc<T>, StoreError>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting();
            let seats = waiting.entry(question).or_default();
            seats.push(sender);
            seats.len() == 1
        };
        if is_first {
            let flight = Flight { flights: self.clone(), question, landed: None };
            let work = work();
            tokio::spawn(async move { flight.land(work.await) });
        }
        (Seat(receiver), !is_first)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone + Send + Sync + 'static> Seat<T> {
    /// Waits for the answer; an error is that of all who wait.
    pub(super) async fn wait(self) -> Result<T, StoreError> {
        match self.0.await {
            // The last to arrive takes the answer itself.
            Ok(Ok(answer)) => Ok(Arc::unwrap_or_clone(answer)),
            Ok(Err(error)) => Err(error.share()),
            Err(_) => Err(StoreError::new(StoreErrorKind::Unavailable, "answer a question")
                .with_source("the task ended without an answer")),
        }
    }
}

impl<T> Flight<T> {
    fn land(mut self, landed: Result<Arc<T>, StoreError>) {
        self.landed = Some(landed.map_err(Arc::new));
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        let seats = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.question);
        let mut seats = seats.unwrap_or_default();
        let last = seats.pop();
        // Without an answer the senders are dropped, which tells as much.
        let Some(landed) = self.landed.take() else { return };
        for seat in seats {
            // Somebody may have stopped waiting.
            _ = seat.send(landed.clone());
        }
        if let Some(seat) = last {
            _ = seat.send(landed);
        }
    }
}

impl<T> Clone for Flights<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    const QUESTION: Digest = [7; 16];

    #[tokio::test]
    async fn a_thousand_who_ask_the_same_are_answered_by_one() {
        let (flights, asked) = (Flights::default(), Arc::new(AtomicUsize::new(0)));

        let seats: Vec<_> = (0..1_000)
            .map(|_| {
                let asked = Arc::clone(&asked);
                flights.join(QUESTION, || async move { Ok(Arc::new(asked.fetch_add(1, Ordering::SeqCst))) }).0
            })
            .collect();

        for seat in seats {
            assert_eq!(seat.wait().await.unwrap(), 0);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let (again, joined) = flights.join(QUESTION, || async { Ok(Arc::new(5)) });
        assert_eq!((again.wait().await.unwrap(), joined), (5, false));
    }

    #[tokio::test]
    async fn the_first_may_leave_and_the_others_are_answered() {
        let (flights, go) = (Flights::default(), Arc::new(Notify::new()));
        let first = flights.join(QUESTION, {
            let go = Arc::clone(&go);
            move || async move {
                go.notified().await;
                Ok(Arc::new("answer"))
            }
        });
        let (second, joined) = flights.join(QUESTION, || async { panic!("asked twice") });

        drop(first);
        go.notify_one();

        assert!(joined);
        assert_eq!(second.wait().await.unwrap(), "answer");
    }

    #[tokio::test]
    async fn an_error_is_that_of_all() {
        let flights = Flights::<()>::default();
        let fail = || async {
            Err(StoreError::new(StoreErrorKind::Corrupt, "answer a question").with_source("a damaged window"))
        };

        let seats = [(); 3].map(|()| flights.join(QUESTION, fail).0);

        for seat in seats {
            let error = seat.wait().await.unwrap_err();
            let source = std::error::Error::source(&error).unwrap();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            assert_eq!(
                (error.to_string(), source.to_string()),
                ("failed to answer a question".into(), "a damaged window".into())
            );
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_task_that_panicked() {
        let flights = Flights::<()>::default();

        let (seat, _) = flights.join(QUESTION, || async { panic!("a bug in a store") });

        assert_eq!(seat.wait().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert!(flights.waiting().is_empty());
    }
}
