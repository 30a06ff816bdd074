//! [`Ledger`]: who sent batches lately, and what became of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use endpoint_stats_core::ServiceName;
use endpoint_stats_core::store::{Applied, Batch, StoreError, StoreErrorKind, WriterId};
use endpoint_stats_core::window::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::access::Principal;
use crate::exposition::catalog::{RECEIVED_DROPPED, WRITERS};
use crate::report::{Time, rfc_3339};

/// Writers that are remembered; of more, those that were silent the longest are forgotten.
pub const MAX_WRITERS: usize = 10_000;

/// Services of one writer that are remembered.
const MAX_SERVICES: usize = 16;

/// What each writer sent since the server started, for people to look at; the store alone decides what is a duplicate.
#[derive(Debug, Default)]
pub struct Ledger {
    pages: Mutex<Pages>,
    baseline: AtomicU64,
}

/// What a writer sent since the server started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WriterSummary {
    /// The beginning of its id: enough to tell it from others, too little to write in its name.
    pub writer: String,
    /// The name of the token it last used.
    pub principal: String,
    /// The services it sent hits of, up to 16.
    pub services: BTreeSet<String>,
    /// The number of its last batch that was applied.
    pub last_seq: u64,
    /// Batches that were applied.
    pub batches: u64,
    /// The hits in them.
    pub hits: u64,
    /// Batches that were there already.
    pub duplicates: u64,
    /// Batches that came before others that are missing.
    pub gaps: u64,
    /// Batches whose number another one had.
    pub conflicts: u64,
    /// Deltas in applied batches that were moved to the moment they were received in.
    pub clock_corrected: u64,
    /// When it last sent something.
    #[serde(serialize_with = "as_rfc_3339")]
    #[schema(value_type = Time)]
    pub last_seen: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn as_rfc_3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc_3339(*at))
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Applied,
    Duplicate,
    Gap,
    Conflict,
}

#[derive(Debug, Default)]
struct Pages {
    by_writer: HashMap<WriterId, Page>,
    // Who was seen at which turn, the one silent for longest first.
    by_turn: BTreeMap<u64, WriterId>,
    turn: u64,
}

#[derive(Debug)]
struct Page {
    turn: u64,
    services: BTreeSet<ServiceName>,
    summary: WriterSummary,
}

// === impl Ledger ===

impl Ledger {
    pub(super) fn note(&self, principal: &Principal, batch: &Batch, fate: Fate, clock_corrected: u64, now: Timestamp) {
        let mut pages = self.pages();
        let page = pages.page_of(batch.writer);
        page.summary.principal.replace_range(.., principal.name());
        page.summary.last_seen = now;
        page.note_services(batch);
        page.summary.note(batch, fate, clock_corrected);
        WRITERS.gauge([]).set(pages.by_turn.len() as f64);
    }

    /// Requests in OpenTelemetry totals that may have been counted before, and were dropped.
    pub fn baseline(&self) -> u64 {
        self.baseline.load(Ordering::Relaxed)
    }

    pub(super) fn note_baseline(&self, hits: u64) {
        self.baseline.fetch_add(hits, Ordering::Relaxed);
        RECEIVED_DROPPED.counter(["baseline".into()]).increment(hits);
    }

    /// What is known of the writers whose services a principal covers, the one seen last first.
    pub fn snapshot(&self, principal: &Principal) -> Vec<WriterSummary> {
        let pages = self.pages();
        let by_turn = pages.by_turn.values().rev().filter_map(|writer| pages.by_writer.get(writer));
        by_turn.filter(|page| page.is_for(principal)).map(|page| page.summary.clone()).collect()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pages ===

impl Pages {
    /// The page of a writer, which is the one seen last from now on.
    fn page_of(&mut self, writer: WriterId) -> &mut Page {
        self.turn += 1;
        let page = self.by_writer.entry(writer).or_insert_with(|| Page::of(writer));
        self.by_turn.remove(&std::mem::replace(&mut page.turn, self.turn));
        self.by_turn.insert(self.turn, writer);
        if self.by_turn.len() > MAX_WRITERS
            && let Some((_, silent)) = self.by_turn.pop_first()
        {
            self.by_writer.remove(&silent);
        }
        self.by_writer.entry(writer).or_insert_with(|| Page::of(writer))
    }
}

// === impl Page ===

impl Page {
    fn of(writer: WriterId) -> Self {
        let summary = WriterSummary {
            writer: writer.to_string().chars().take(8).collect(),
            principal: String::new(),
            services: BTreeSet::new(),
            last_seq: 0,
            batches: 0,
            hits: 0,
            duplicates: 0,
            gaps: 0,
            conflicts: 0,
            clock_corrected: 0,
            last_seen: Timestamp::EPOCH,
        };
        Self { turn: 0, services: BTreeSet::new(), summary }
    }

    fn note_services(&mut self, batch: &Batch) {
        for delta in &batch.deltas {
            let service = delta.endpoint.service();
            if !self.services.contains(service) && self.services.len() < MAX_SERVICES {
                self.services.insert(service.clone());
                self.summary.services.insert(service.as_str().to_owned());
            }
        }
    }

    /// Whether a principal may see all of it.
    fn is_for(&self, principal: &Principal) -> bool {
        let covers_all = || self.services.iter().all(|service| principal.covers(service));
        principal.services().is_none() || (!self.services.is_empty() && covers_all())
    }
}

// === impl WriterSummary ===

impl WriterSummary {
    fn note(&mut self, batch: &Batch, fate: Fate, clock_corrected: u64) {
        match fate {
            Fate::Applied => {
                self.last_seq = batch.seq;
                self.batches += 1;
                self.hits = self.hits.saturating_add(batch.hits());
                self.clock_corrected += clock_corrected;
            }
            Fate::Duplicate => self.duplicates += 1,
            Fate::Gap => self.gaps += 1,
            Fate::Conflict => self.conflicts += 1,
        }
    }
}

// === impl Fate ===

impl Fate {
    /// What a store's answer says of a batch; `None` when nobody knows.
    pub(super) fn of(answer: &Result<Applied, StoreError>) -> Option<Self> {
        match answer {
            Ok(Applied::Applied) => Some(Self::Applied),
            Ok(Applied::Duplicate) => Some(Self::Duplicate),
            Ok(Applied::Gap { .. }) => Some(Self::Gap),
            Err(error) => (error.kind() == StoreErrorKind::Conflict).then_some(Self::Conflict),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scope;

    fn token() -> Principal {
        Principal::new("shop's token", [Scope::Ingest])
    }

    fn note(ledger: &Ledger, writer: u128, seq: u64, fate: Fate, at: i64) {
        let batch = Batch::new(WriterId::from_bytes(writer.to_be_bytes()), seq, Vec::new());
        ledger.note(&token(), &batch, fate, 2, Timestamp::from_unix(at));
    }

    #[test]
    fn what_became_of_each_batch_is_counted() {
        let ledger = Ledger::default();
        for (seq, fate) in [(1, Fate::Applied), (1, Fate::Duplicate), (3, Fate::Gap), (1, Fate::Conflict)] {
            note(&ledger, u128::MAX, seq, fate, 100);
        }

        let summary = ledger.snapshot(&token()).remove(0);

        assert_eq!((summary.writer.as_str(), summary.principal.as_str()), ("ffffffff", "shop's token"));
        assert_eq!((summary.batches, summary.last_seq, summary.last_seen.as_unix()), (1, 1, 100));
        assert_eq!((summary.duplicates, summary.gaps, summary.conflicts), (1, 1, 1));
        assert_eq!(summary.clock_corrected, 2);
    }

    #[test]
    fn the_writer_that_was_silent_for_longest_is_forgotten_first() {
        let ledger = Ledger::default();
        for writer in 1..=MAX_WRITERS as u128 {
            note(&ledger, writer, 1, Fate::Applied, 0);
        }

        note(&ledger, 1, 2, Fate::Applied, 0);
        note(&ledger, u128::MAX, 1, Fate::Applied, 0);

        let pages = ledger.pages();
        assert_eq!((pages.by_writer.len(), pages.by_turn.len()), (MAX_WRITERS, MAX_WRITERS));
        let is_known = |writer: u128| pages.by_writer.contains_key(&WriterId::from_bytes(writer.to_be_bytes()));
        assert!(is_known(1) && !is_known(2) && is_known(3) && is_known(u128::MAX));
    }
}
