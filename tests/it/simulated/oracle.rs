//! [`Oracle`]: what writers tried and know, kept outside of the simulation, where no crash reaches it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use endpoint_stats_core::flush::{Books, BooksView};
use endpoint_stats_core::store::{
    Applied, Around, Batch, EndpointStatus, RemoteStore, StatsStore, StoreError, WriterId,
};

/// What is known of every writer there was.
#[derive(Clone, Debug, Default)]
pub(super) struct Oracle(Arc<Mutex<Vec<Life>>>);

/// A writer from its start to its crash or its orderly end; each counts hits of a route of its own.
#[derive(Debug, Default)]
struct Life {
    attempted: u64,
    books: BooksView,
    /// Those that were sent at least once, in their order, and the hits of each.
    sealed: Vec<(WriterId, u64, u64)>,
    duplicates: u64,
    ended: Option<Books>,
}

/// A writer's place in the oracle.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    oracle: Oracle,
    life: usize,
}

/// Notes each batch before it is sent.
#[derive(Debug)]
pub(super) struct WitnessedStore {
    store: RemoteStore,
    witness: Witness,
}

// === impl Oracle ===

impl Oracle {
    /// Another writer starts.
    pub(super) fn witness(&self) -> Witness {
        let mut lives = self.0.lock().unwrap();
        lives.push(Life::default());
        Witness { oracle: self.clone(), life: lives.len() - 1 }
    }

    /// Writers there were.
    pub(super) fn lives(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Batches that were sent again although the store had them.
    pub(super) fn duplicates(&self) -> u64 {
        self.0.lock().unwrap().iter().map(|life| life.duplicates).sum()
    }

    /// Hits there were.
    pub(super) fn attempted(&self) -> u64 {
        self.0.lock().unwrap().iter().map(|life| life.attempted).sum()
    }

    /// Holds what a store has against what is known.
    pub(super) fn judge(&self, stored: &[EndpointStatus]) -> Result<(), String> {
        let lives = self.0.lock().unwrap();
        let of = |route: &str| {
            stored
                .iter()
                .filter(|status| status.endpoint.route().as_str() == route)
                .map(|status| status.hits)
                .sum::<u64>()
        };
        for (place, life) in lives.iter().enumerate() {
            life.judge(of(&route(place))).map_err(|problem| format!("writer {place}: {problem}; {life:?}"))?;
        }
        let all: u64 = stored.iter().map(|status| status.hits).sum();
        let known: u64 = (0..lives.len()).map(|place| of(&route(place))).sum();
        if all == known { Ok(()) } else { Err(format!("{all} hits are stored, {known} of them of a writer")) }
    }
}

impl Life {
    fn judge(&self, stored: u64) -> Result<(), String> {
        let acknowledged = self.books.books().stored;
        if let Some(books) = self.ended {
            return match (books.stored, books.pending, books.dropped, stored) {
                (known, 0, 0, stored) if known == self.attempted && stored == self.attempted => Ok(()),
                _ => Err(format!("{stored} hits are stored")),
            };
        }
        if !(acknowledged..=self.attempted).contains(&stored) {
            return Err(format!("{stored} hits are stored, {acknowledged} acknowledged"));
        }
        let mut sum = 0;
        let sums = self.sealed.iter().map(|(_, _, hits)| {
            sum += hits;
            sum
        });
        if stored == 0 || sums.into_iter().any(|sum| sum == stored) {
            return Ok(());
        }
        Err(format!("{stored} hits are stored, which are no whole batches"))
    }
}

fn route(life: usize) -> String {
    format!("/{life}")
}

// === impl Witness ===

impl Witness {
    /// The route whose hits the writer counts.
    pub(super) fn route(&self) -> String {
        route(self.life)
    }

    pub(super) fn store(&self, store: RemoteStore) -> WitnessedStore {
        WitnessedStore { store, witness: self.clone() }
    }

    pub(super) fn reads(&self, books: &BooksView) {
        self.note(|life| life.books = books.clone());
    }

    pub(super) fn counts(&self, hits: u64) {
        self.note(|life| life.attempted += hits);
    }

    pub(super) fn ends(&self, books: Books) {
        self.note(|life| life.ended = Some(books));
    }

    fn note(&self, note: impl FnOnce(&mut Life)) {
        note(&mut self.oracle.0.lock().unwrap()[self.life]);
    }
}

// === impl WitnessedStore ===

#[async_trait]
impl Around for WitnessedStore {
    fn inner(&self) -> &dyn StatsStore {
        &self.store
    }

    async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let name = (batch.writer, batch.seq, batch.hits());
        self.witness.note(|life| {
            if life.sealed.last() != Some(&name) {
                life.sealed.push(name);
            }
        });
        let answer = self.store.apply(batch).await;
        self.witness.note(|life| life.duplicates += u64::from(matches!(answer, Ok(Applied::Duplicate))));
        answer
    }
}
