//! Promises 4, 5, 8, 9 and 12: flushers that forget, give up, hide what they lost, or stop at bad data.

use std::collections::VecDeque;
use std::sync::Arc;

use endpoint_stats_core::aggregate::{Aggregator, Delta, Limits};
use endpoint_stats_core::flush::Books;
use endpoint_stats_core::store::{Batch, StatsStore, StoreErrorKind, WriterId};
use endpoint_stats_core::{ServiceName, store::Applied};

use super::{must_fail, must_pass};
use crate::flush::{Fault, FaultyStore, NOON, Writer, hit, times};

/// Hits of several endpoints.
pub(super) fn some_deltas(endpoints: usize) -> Vec<Delta> {
    let recorder = recorder();
    for endpoint in 0..endpoints {
        hit(&recorder, &format!("/{endpoint}"), 5);
    }
    recorder.drain(NOON)
}

fn recorder() -> Aggregator {
    Aggregator::new(ServiceName::new("shop").unwrap(), Limits::default())
}

/// Drains a recorder into a store; what a check needs of a flusher.
trait Flush {
    fn start(store: Arc<FaultyStore>) -> Self;
    fn recorder(&self) -> &Aggregator;
    /// Writes what it can, and says where every hit is.
    async fn stop(self) -> Books;
}

impl Flush for Writer {
    fn start(store: Arc<FaultyStore>) -> Self {
        Self::start(store)
    }

    fn recorder(&self) -> &Aggregator {
        &self.recorder
    }

    async fn stop(self) -> Books {
        Self::stop(self).await
    }
}

/// A way to break a flusher.
const FORGETS_BEFORE_THE_ACK: u8 = 0;
const GIVES_UP_AFTER_THREE_TRIES: u8 = 1;
const NUMBERS_EACH_TRY: u8 = 2;
const STOPS_AT_A_REFUSAL: u8 = 3;

/// A flusher as they are often written.
struct Careless<const HOW: u8> {
    recorder: Aggregator,
    store: Arc<FaultyStore>,
}

impl<const HOW: u8> Flush for Careless<HOW> {
    fn start(store: Arc<FaultyStore>) -> Self {
        Self { recorder: recorder(), store }
    }

    fn recorder(&self) -> &Aggregator {
        &self.recorder
    }

    async fn stop(self) -> Books {
        let deltas = self.recorder.drain(NOON);
        let mut books = Books::default();
        let mut queue: VecDeque<_> = deltas.into_iter().map(|delta| vec![delta]).collect();
        let (writer, mut seq) = (WriterId::random(), 0);
        while let Some(deltas) = queue.pop_front() {
            seq += 1;
            for tries in 1.. {
                let batch = Batch::new(writer, seq, deltas.clone());
                books.observed += if tries == 1 { batch.hits() } else { 0 };
                match self.store.apply(&batch).await {
                    Ok(Applied::Applied | Applied::Duplicate) => {
                        books.stored += batch.hits();
                        break;
                    }
                    Err(error) if error.kind() == StoreErrorKind::Rejected && HOW == STOPS_AT_A_REFUSAL => {
                        return books;
                    }
                    _ if HOW == FORGETS_BEFORE_THE_ACK => break,
                    _ if HOW == GIVES_UP_AFTER_THREE_TRIES && tries == 3 => break,
                    Ok(Applied::Gap { last_seq }) => seq = last_seq + 1,
                    Err(_) if HOW == NUMBERS_EACH_TRY => seq += 1,
                    Err(_) => {}
                }
            }
        }
        books
    }
}

/// Hits reach the store once each, although the first tries fail; and the books say where they are.
async fn an_outage_loses_and_doubles_nothing<F: Flush>(fault: Fault) {
    let store = FaultyStore::new(times(5, fault)).await;
    let flusher = F::start(store.clone());
    for endpoint in 0..10 {
        hit(flusher.recorder(), &format!("/{endpoint}"), 5);
    }

    let books = flusher.stop().await;

    assert_eq!(store.hits().await, 50, "what is in the store");
    assert_eq!(books, Books { observed: 50, stored: 50, ..Books::default() });
}

/// One endpoint that the store never takes keeps no other one out.
async fn bad_data_goes_alone<F: Flush>() {
    let is_poisoned = |batch: &Batch| batch.deltas.iter().any(|delta| delta.endpoint.route().as_str() == "/4");
    let store = FaultyStore::new(move |batch| if is_poisoned(batch) { Fault::Reject } else { Fault::None }).await;
    let flusher = F::start(store.clone());
    for endpoint in 0..10 {
        hit(flusher.recorder(), &format!("/{endpoint}"), 5);
    }

    let books = flusher.stop().await;

    assert_eq!(store.hits().await, 45);
    assert_eq!(books, Books { observed: 50, stored: 45, dropped: 5, ..Books::default() });
}

#[test]
fn a_flusher_that_forgets_before_the_acknowledgement_is_caught() {
    must_pass(an_outage_loses_and_doubles_nothing::<Writer>(Fault::FailBefore));
    must_fail(an_outage_loses_and_doubles_nothing::<Careless<FORGETS_BEFORE_THE_ACK>>(Fault::FailBefore));
}

#[test]
fn a_flusher_that_gives_up_is_caught() {
    must_pass(an_outage_loses_and_doubles_nothing::<Writer>(Fault::FailBefore));
    must_fail(an_outage_loses_and_doubles_nothing::<Careless<GIVES_UP_AFTER_THREE_TRIES>>(Fault::FailBefore));
}

#[test]
fn a_flusher_that_numbers_each_try_anew_is_caught() {
    must_pass(an_outage_loses_and_doubles_nothing::<Writer>(Fault::LoseReply));
    must_fail(an_outage_loses_and_doubles_nothing::<Careless<NUMBERS_EACH_TRY>>(Fault::LoseReply));
}

#[test]
fn a_flusher_that_stops_at_bad_data_is_caught() {
    must_pass(bad_data_goes_alone::<Writer>());
    must_fail(bad_data_goes_alone::<Careless<STOPS_AT_A_REFUSAL>>());
}

#[test]
fn books_that_hide_a_loss_do_not_balance() {
    let honest = Books { observed: 50, stored: 40, pending: 6, dropped: 4, ..Books::default() };

    assert!(honest.balance());
    for hidden in [
        Books { observed: 51, ..honest },
        Books { stored: 39, ..honest },
        Books { pending: 0, ..honest },
        Books { dropped: 0, ..honest },
    ] {
        assert!(!hidden.balance(), "{hidden:?}");
    }
}
