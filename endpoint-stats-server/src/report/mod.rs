//! Reports: what was counted, in an order, as a table, JSON or CSV.

pub mod csv;
pub mod json;
pub mod table;

use std::cmp::Reverse;

use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::sketch::LatencySketch;
use endpoint_stats_core::store::{EndpointReport, EndpointStatus, StatsQuery, StatsReport};
use endpoint_stats_core::window::Timestamp;

use crate::cli::SortBy;

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
        sort_endpoints(&mut stats.endpoints, sort);
        let is_unused = |status: &EndpointStatus| {
            status.registered_at.is_some() && status.last_called.is_none() && query.filter.matches(&status.endpoint)
        };
        Self { stats, unused: known.into_iter().filter(is_unused).collect() }
    }
}

fn sort_endpoints(endpoints: &mut [EndpointReport], sort: SortBy) {
    let counts = |report: &EndpointReport| report.summary.counts.clone();
    match sort {
        SortBy::Hits => endpoints.sort_by_cached_key(|report| Reverse(report.summary.counts.hits())),
        SortBy::Errors => endpoints.sort_by_cached_key(|report| Reverse(report.summary.counts.outcomes.errors())),
        SortBy::P99 => endpoints.sort_by_cached_key(|report| Reverse(shown_sketch(&counts(report)).quantile(0.99))),
        SortBy::Bytes => endpoints.sort_by_cached_key(|report| Reverse(report.summary.counts.response_bytes)),
        SortBy::Name => endpoints.sort_by(|a, b| a.endpoint.cmp(&b.endpoint)),
    }
}

/// The latency where it is known, else the duration: a log often tells only one of them.
fn shown_sketch(counts: &Counts) -> &LatencySketch {
    if counts.latency.is_empty() { &counts.duration } else { &counts.latency }
}

/// A time in RFC 3339, in UTC; a time that no calendar has is a number of seconds.
pub(crate) fn rfc_3339(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_unix()).map_or_else(|_| at.as_unix().to_string(), |time| time.to_string())
}
