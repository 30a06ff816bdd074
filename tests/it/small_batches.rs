//! Batches of a hit or two, and what a store made of them.

use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::store::{Batch, StatsQuery, StatsStore, StoreError, WriterId};
use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};

pub(crate) const NOON: Timestamp = Timestamp::from_unix(1_700_049_600);

pub(crate) fn endpoint(route: &str) -> Endpoint {
    Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new(route).unwrap())
}

pub(crate) fn delta(route: &str, at: Timestamp, hits: u64) -> Delta {
    let counts = Counts { outcomes: [(Outcome::Status(200), hits)].into_iter().collect(), ..Counts::default() };
    Delta {
        endpoint: endpoint(route),
        window: Window::containing(at, Width::TenSeconds),
        first_at: at,
        last_at: at,
        counts,
    }
}

pub(crate) fn batch(writer: WriterId, seq: u64, hits: u64) -> Batch {
    Batch::new(writer, seq, vec![delta("/users/{id}", NOON, hits)])
}

pub(crate) async fn total(store: &dyn StatsStore) -> u64 {
    store.query(&StatsQuery::over(TimeRange::ALL)).await.unwrap().totals.counts.hits()
}

/// The error and its cause, as a log shows them.
pub(crate) fn shown(error: &StoreError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}
