//! [`Streams`]: how many watch at once, and until when.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// More than that at once are sent away.
const MOST: usize = 64;

/// Those who watch; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    places: Arc<Semaphore>,
    is_over: Arc<watch::Sender<bool>>,
}

/// A place among those who watch, held until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    _place: OwnedSemaphorePermit,
    is_over: watch::Receiver<bool>,
}

impl Streams {
    /// A place, if there is one left and the server is not about to end.
    pub(super) fn seat(&self) -> Option<Seat> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let is_over = *self.is_over.borrow();
        (!is_over).then(|| Seat { _place: place, is_over: self.is_over.subscribe() })
    }

    /// Sends everybody home.
    pub(super) fn end(&self) {
        self.is_over.send_replace(true);
    }
}

impl Default for Streams {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST)), is_over: Arc::new(watch::Sender::new(false)) }
    }
}

impl Seat {
    /// Waits until everybody is sent home.
    pub(super) async fn over(&mut self) {
        // The other half is gone when there is no server any more.
        let _ = self.is_over.wait_for(|is_over| *is_over).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_that_is_given_back_can_be_taken_again() {
        let streams = Streams::default();
        let mut seats: Vec<_> = (0..MOST).map_while(|_| streams.seat()).collect();
        assert!(seats.len() == MOST && streams.seat().is_none());

        seats.pop();

        assert!(streams.seat().is_some());
    }

    #[tokio::test]
    async fn the_end_reaches_those_who_sit_and_those_who_come() {
        let streams = Streams::default();
        let mut seat = streams.seat().unwrap();

        streams.end();

        seat.over().await;
        assert!(streams.seat().is_none());
    }
}
