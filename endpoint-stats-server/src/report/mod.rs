//! Reports: what was counted, in an order, as a table, JSON or CSV.
//!
//! The shapes of [`measured`] are those of the command line and of the query API alike.

pub mod csv;
pub mod json;
pub mod measured;
mod sort;
pub mod table;
mod time;
mod unused;

use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::sketch::LatencySketch;
use endpoint_stats_core::store::{EndpointStatus, StatsQuery, StatsReport};
use endpoint_stats_core::window::Timestamp;

pub use self::sort::{Direction, Order, Place, SortBy};
pub use self::time::{Span, Time};
pub use self::unused::{UnusedEndpoint, is_unused};

/// What was counted, in the order to show it.
#[derive(Debug)]
pub struct Report {
    /// The answer of the store; its endpoints are sorted.
    pub stats: StatsReport,
    /// The endpoints that were registered and never called.
    pub unused: Vec<EndpointStatus>,
}

impl Report {
    /// Sorts an answer, and finds the endpoints it does not mention.
    pub fn new(query: &StatsQuery, mut stats: StatsReport, known: Vec<EndpointStatus>, sort: SortBy) -> Self {
        stats.endpoints = Order::new(sort, None).sort(stats.endpoints);
        let is_asked_for = |status: &EndpointStatus| is_unused(status, None) && query.filter.matches(&status.endpoint);
        Self { stats, unused: known.into_iter().filter(is_asked_for).collect() }
    }
}

/// The latency where it is known, else the duration: a log often tells only one of them.
pub(crate) fn shown_sketch(counts: &Counts) -> &LatencySketch {
    if counts.latency.is_empty() { &counts.duration } else { &counts.latency }
}

/// A time in RFC 3339, in UTC.
pub(crate) fn rfc_3339(at: Timestamp) -> String {
    Time::from(at).as_str().to_owned()
}
