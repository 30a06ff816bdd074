//! [`Compared`]: a range of time, beside the range before it.

use endpoint_stats_core::store::{EndpointFilter, EndpointStatus, StatsQuery, StatsReport};
use endpoint_stats_core::window::TimeRange;

use super::chart::Chart;
use super::link::Link;
use super::numbers;
use super::steps::Steps;
use super::tiles::{Tile, tiles};
use super::visit::Visit;
use crate::api_error::ApiError;

/// What a store says of the range that was asked for.
pub(super) struct Compared {
    pub(super) range: TimeRange,
    pub(super) steps: Steps,
    pub(super) report: StatsReport,
    /// The range of the same length before.
    before: StatsReport,
    /// Every endpoint that may be seen.
    pub(super) known: Vec<EndpointStatus>,
}

/// The numbers of a range and how they went, as they stand at the head of a page.
pub(super) struct Summary {
    pub(super) tiles: Vec<Tile>,
    pub(super) hits: Chart,
    pub(super) latency: Chart,
    pub(super) step: String,
    pub(super) totals: Link,
    pub(super) series: Link,
    pub(super) percentiles: Link,
}

impl Compared {
    /// Asks for the range of a visit.
    pub(super) async fn of(visit: &Visit, filter: EndpointFilter) -> Result<Self, ApiError> {
        let range = visit.asked.range(visit.now)?;
        let steps = Steps::of(range, visit.now);
        let query = StatsQuery::over(range).with_filter(filter.clone()).with_step_secs(steps.secs);
        let before = StatsQuery::over(range.preceding()).with_filter(filter);
        let reader = &visit.pages.reader;
        let (report, before, known) = tokio::try_join!(
            reader.report(&visit.principal, &query),
            reader.report(&visit.principal, &before),
            visit.endpoints(),
        )?;
        Ok(Self { range, steps, report, before, known })
    }

    /// Puts the numbers together, with links to the same as JSON.
    pub(super) fn summary(&self, json: impl Fn(&str) -> Link) -> Summary {
        let (totals, series, steps) = (&self.report.totals.counts, &self.report.series, self.steps);
        Summary {
            tiles: tiles(totals, &self.before.totals.counts),
            hits: Chart::of_hits(series, totals, steps),
            latency: Chart::of_latency(series, totals, steps),
            step: numbers::length(steps.secs),
            totals: json("totals"),
            series: json("series").with("step", Some(&format!("{}s", steps.secs))),
            percentiles: json("percentiles"),
        }
    }
}
