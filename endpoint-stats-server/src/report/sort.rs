//! [`Order`]: what comes first in a list of endpoints.

use std::cmp::Ordering;

use clap::ValueEnum;
use endpoint_stats_core::Endpoint;
use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::store::EndpointReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown_sketch;

/// What a list of endpoints is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum SortBy {
    /// The most hits.
    #[default]
    Hits,
    /// The most errors.
    Errors,
    /// The largest share of errors.
    ErrorRate,
    /// The longest median.
    P50,
    /// The longest 95th percentile.
    P95,
    /// The longest 99th percentile.
    P99,
    /// The most response bytes.
    Bytes,
    /// The most callers.
    Callers,
    /// The name.
    Name,
    /// The latest call.
    LastCalled,
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The smallest.
    Asc,
    /// The largest.
    Desc,
}

/// The order of a list of endpoints: by a number, and by name where that is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    by: SortBy,
    direction: Direction,
}

/// Where an endpoint stands in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The number it is sorted by.
    pub key: f64,
    /// The endpoint.
    pub endpoint: Endpoint,
}

// === impl SortBy ===

impl SortBy {
    /// The direction that puts what is most interesting first.
    pub fn natural_direction(self) -> Direction {
        if self == Self::Name { Direction::Asc } else { Direction::Desc }
    }
}

// === impl Order ===

impl Order {
    /// Creates an order; without a direction, what is most interesting comes first.
    pub fn new(by: SortBy, direction: Option<Direction>) -> Self {
        Self { by, direction: direction.unwrap_or(by.natural_direction()) }
    }

    /// Sorts endpoints.
    pub fn sort(self, endpoints: Vec<EndpointReport>) -> Vec<EndpointReport> {
        let mut placed: Vec<_> = endpoints.into_iter().map(|found| (self.key(&found), found)).collect();
        placed.sort_by(|(a, first), (b, second)| self.compare((*a, &first.endpoint), (*b, &second.endpoint)));
        placed.into_iter().map(|(_, found)| found).collect()
    }

    /// Where an endpoint stands.
    pub fn place(self, found: &EndpointReport) -> Place {
        Place { key: self.key(found), endpoint: found.endpoint.clone() }
    }

    /// Whether an endpoint comes behind a place.
    pub fn is_behind(self, found: &EndpointReport, place: &Place) -> bool {
        self.compare((self.key(found), &found.endpoint), (place.key, &place.endpoint)) == Ordering::Greater
    }

    fn compare(self, (a, first): (f64, &Endpoint), (b, second): (f64, &Endpoint)) -> Ordering {
        let by_key = match (self.by, self.direction) {
            (SortBy::Name, Direction::Asc) => first.cmp(second),
            (SortBy::Name, Direction::Desc) => second.cmp(first),
            (_, Direction::Asc) => a.total_cmp(&b),
            (_, Direction::Desc) => b.total_cmp(&a),
        };
        by_key.then_with(|| first.cmp(second))
    }

    /// The number an endpoint is sorted by; what is not known comes below everything.
    fn key(self, found: &EndpointReport) -> f64 {
        let counts = &found.summary.counts;
        let secs = |q| shown_sketch(counts).quantile(q).map_or(-1.0, |found| found.as_secs_f64());
        match self.by {
            SortBy::Hits => counts.hits() as f64,
            SortBy::Errors => counts.outcomes.errors() as f64,
            SortBy::ErrorRate => error_rate(counts),
            SortBy::P50 => secs(0.5),
            SortBy::P95 => secs(0.95),
            SortBy::P99 => secs(0.99),
            SortBy::Bytes => counts.response_bytes as f64,
            SortBy::Callers => counts.callers.count() as f64,
            SortBy::Name => 0.0,
            SortBy::LastCalled => found.summary.last_at.map_or(f64::MIN, |at| at.as_unix() as f64),
        }
    }
}

/// The share of errors, 0 to 1.
fn error_rate(counts: &Counts) -> f64 {
    counts.outcomes.errors() as f64 / counts.hits().max(1) as f64
}
