//! [`Settled`]: what a store holds in the end, against the ledger.

use std::collections::BTreeMap;

use anyhow::Context;
use endpoint_stats_core::store::{StatsStore, WriterId};

use super::ledger::Ledger;

/// What became of every hit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// Hits that somebody was about to count.
    pub(crate) attempted: u64,
    /// Hits that a store had said to have.
    pub(crate) acknowledged: u64,
    /// Hits of the batches that the store remembers.
    pub(crate) applied: u64,
    /// The same, by route.
    pub(crate) expected: BTreeMap<String, u64>,
    /// Batches that somebody sent.
    pub(crate) batches: usize,
    /// What is wrong, in words; nothing in a good run.
    pub(crate) violations: Vec<String>,
}

impl Settled {
    /// Compares a store, endpoint by endpoint, with what must be in it: the batches up to the last of each writer.
    pub(crate) async fn of(ledger: &Ledger, store: &dyn StatsStore, service: &str) -> anyhow::Result<Self> {
        let last = last_of_each_writer(ledger, store).await?;
        let mut settled = Self {
            attempted: ledger.all_attempted(),
            acknowledged: ledger.all_acknowledged(),
            batches: ledger.batches.len(),
            violations: ledger.violations.clone(),
            ..Self::default()
        };
        let mut expected = BTreeMap::<&str, u64>::new();
        for (name, attempt) in &ledger.batches {
            let is_there = name.seq <= last[&name.writer];
            if let (Some(acknowledged), false) = (&attempt.acknowledged, is_there) {
                let mark = last[&name.writer];
                settled.violations.push(format!("{acknowledged}, and {name} is lost: the writer's mark is {mark}"));
            }
            for (route, hits) in attempt.hits.iter().filter(|_| is_there) {
                settled.applied += hits;
                *expected.entry(route).or_default() += hits;
            }
        }
        let there = hits_of(store, service).await?;
        settled.expected = expected.iter().map(|(route, hits)| ((*route).to_owned(), *hits)).collect();
        let routes = expected.keys().copied().chain(there.keys().map(String::as_str));
        for route in routes.collect::<std::collections::BTreeSet<_>>() {
            let expected = expected.get(route).copied().unwrap_or_default();
            let there = there.get(route).copied().unwrap_or_default();
            if expected != there {
                settled.violations.push(format!("{route} has {there} hits instead of {expected}"));
            }
        }
        Ok(settled)
    }

    /// Hits that were counted and are nowhere.
    pub(crate) fn lost(&self) -> u64 {
        self.attempted.saturating_sub(self.applied)
    }
}

async fn last_of_each_writer(ledger: &Ledger, store: &dyn StatsStore) -> anyhow::Result<BTreeMap<[u8; 16], u64>> {
    let mut last: BTreeMap<_, _> = ledger.batches.keys().map(|name| (name.writer, 0)).collect();
    for (writer, seq) in &mut last {
        let state = store.writer(WriterId::from_bytes(*writer)).await.context("the store does not tell a writer")?;
        *seq = state.map_or(0, |state| state.last_seq);
    }
    Ok(last)
}

async fn hits_of(store: &dyn StatsStore, service: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let known = store.endpoints().await.context("the store does not tell its endpoints")?;
    let of_service = known.into_iter().filter(|status| status.endpoint.service().as_str() == service);
    Ok(of_service.map(|status| (status.endpoint.route().as_str().to_owned(), status.hits)).collect())
}
