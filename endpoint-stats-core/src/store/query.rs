//! Questions and answers: [`StatsQuery`] and [`StatsReport`].

use std::collections::BTreeMap;

use crate::aggregate::Counts;
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::sketch::capped_sum;
use crate::window::{TimeRange, Timestamp, Window};

/// A question about a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsQuery {
    /// The range asked about.
    pub range: TimeRange,
    /// The endpoints asked about.
    pub filter: EndpointFilter,
    /// The step of the time series, in seconds; `None` asks for no series.
    pub step_secs: Option<i64>,
}

/// Which endpoints a question is about; what is `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointFilter {
    /// Only this service.
    pub service: Option<ServiceName>,
    /// Only this method.
    pub method: Option<Method>,
    /// Only this route template.
    pub route: Option<Route>,
}

/// The answer to a [`StatsQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsReport {
    /// The seconds that the counted windows cover: the range asked for, widened to whole windows and narrowed to
    /// those that hold something; `None` when nothing was counted.
    pub covered: Option<TimeRange>,
    /// All endpoints together.
    pub totals: Summary,
    /// Each endpoint with a hit in the range, in the order of their names.
    pub endpoints: Vec<EndpointReport>,
    /// All endpoints together, step by step; steps without a hit are left out.
    pub series: Vec<SeriesPoint>,
}

/// What was counted, and when it was first and last counted within the range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// What was counted.
    pub counts: Counts,
    /// The first hit.
    pub first_at: Option<Timestamp>,
    /// The last hit.
    pub last_at: Option<Timestamp>,
}

/// What one endpoint did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointReport {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// What it did.
    pub summary: Summary,
    /// Its hits step by step, where the question asks for a series; steps without a hit are left out.
    pub hits_by_step: Vec<(Timestamp, u64)>,
}

/// What was counted in one step of a time series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesPoint {
    /// The first second of the step, a multiple of the step's length.
    pub start: Timestamp,
    /// What was counted.
    pub counts: Counts,
}

/// What a store knows of an endpoint over all time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// All hits ever counted, also those whose windows are past every retention.
    pub hits: u64,
    /// When the service first said that it has the endpoint; `None` when it never did.
    pub registered_at: Option<Timestamp>,
    /// The first hit; `None` when it was never called.
    pub first_seen: Option<Timestamp>,
    /// The last hit; `None` when it was never called.
    pub last_called: Option<Timestamp>,
}

/// Adds rows up to a report; every store answers through it.
#[derive(Debug)]
pub(crate) struct ReportBuilder<'a> {
    query: &'a StatsQuery,
    covered: Option<TimeRange>,
    endpoints: BTreeMap<Endpoint, EndpointSum>,
    series: BTreeMap<Timestamp, Counts>,
}

#[derive(Debug, Default)]
struct EndpointSum {
    summary: Summary,
    hits_by_step: BTreeMap<Timestamp, u64>,
}

// === impl StatsQuery ===

impl StatsQuery {
    /// Asks about all endpoints in a range of time, without a series.
    pub fn over(range: TimeRange) -> Self {
        Self { range, filter: EndpointFilter::default(), step_secs: None }
    }

    /// Restricts the question to some endpoints.
    #[must_use]
    pub fn with_filter(mut self, filter: EndpointFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Asks for a time series too, and for each endpoint's hits step by step, with a step of at least one second.
    #[must_use]
    pub fn with_step_secs(mut self, secs: i64) -> Self {
        self.step_secs = Some(secs.max(1));
        self
    }
}

// === impl EndpointFilter ===

impl EndpointFilter {
    /// Whether the question is about every endpoint.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn matches_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the question is about an endpoint.
    pub fn matches(&self, endpoint: &Endpoint) -> bool {
        self.service.as_ref().is_none_or(|service| service == endpoint.service())
            && self.method.is_none_or(|method| method == endpoint.method())
            && self.route.as_ref().is_none_or(|route| route == endpoint.route())
    }
}

// === impl Summary ===

impl Summary {
    pub(crate) fn add(&mut self, counts: &Counts, first_at: Timestamp, last_at: Timestamp) {
        self.counts.merge(counts);
        self.first_at = Some(self.first_at.map_or(first_at, |first| first.min(first_at)));
        self.last_at = Some(self.last_at.map_or(last_at, |last| last.max(last_at)));
    }
}

// === impl ReportBuilder ===

impl<'a> ReportBuilder<'a> {
    pub(crate) fn new(query: &'a StatsQuery) -> Self {
        Self { query, covered: None, endpoints: BTreeMap::new(), series: BTreeMap::new() }
    }

    /// Adds one window of one endpoint, if the question is about it.
    pub(crate) fn add(
        &mut self,
        endpoint: &Endpoint,
        window: Window,
        counts: &Counts,
        first_at: Timestamp,
        last_at: Timestamp,
    ) {
        if !window.overlaps(self.query.range) || !self.query.filter.matches(endpoint) {
            return;
        }
        self.cover(TimeRange::new(window.start(), window.end()));
        let step = self.query.step_secs.map(|secs| window.start().rounded_down(secs));
        self.add_to_endpoint(endpoint, counts, first_at, last_at, step.map(|start| (start, counts.hits())));
        if let Some(start) = step {
            self.add_to_series(start, counts);
        }
    }

    /// Widens what is covered.
    pub(crate) fn cover(&mut self, range: TimeRange) {
        self.covered = Some(
            self.covered
                .map_or(range, |covered| TimeRange::new(covered.from.min(range.from), covered.to.max(range.to))),
        );
    }

    /// Adds what was counted for an endpoint, and how many hits that were in which steps.
    pub(crate) fn add_to_endpoint(
        &mut self,
        endpoint: &Endpoint,
        counts: &Counts,
        first_at: Timestamp,
        last_at: Timestamp,
        hits_by_step: impl IntoIterator<Item = (Timestamp, u64)>,
    ) {
        if !self.endpoints.contains_key(endpoint) {
            self.endpoints.insert(endpoint.clone(), EndpointSum::default());
        }
        let Some(sum) = self.endpoints.get_mut(endpoint) else { return };
        sum.summary.add(counts, first_at, last_at);
        for (start, hits) in hits_by_step {
            let present = sum.hits_by_step.entry(start).or_default();
            *present = capped_sum(*present, hits);
        }
    }

    /// Adds what was counted in a step of the series.
    pub(crate) fn add_to_series(&mut self, start: Timestamp, counts: &Counts) {
        self.series.entry(start).or_default().merge(counts);
    }

    pub(crate) fn finish(self) -> StatsReport {
        let mut totals = Summary::default();
        for EndpointSum { summary, .. } in self.endpoints.values() {
            if let (Some(first), Some(last)) = (summary.first_at, summary.last_at) {
                totals.add(&summary.counts, first, last);
            }
        }
        StatsReport {
            covered: self.covered,
            totals,
            endpoints: self
                .endpoints
                .into_iter()
                .map(|(endpoint, sum)| EndpointReport {
                    endpoint,
                    summary: sum.summary,
                    hits_by_step: sum.hits_by_step.into_iter().collect(),
                })
                .collect(),
            series: self.series.into_iter().map(|(start, counts)| SeriesPoint { start, counts }).collect(),
        }
    }
}
