//! A report as JSON.

use serde::Serialize;

use super::measured::{EndpointTotals, Measured, Totals};
use super::{Report, Time, UnusedEndpoint};

/// A report: times in RFC 3339, durations in seconds, bytes and hits as numbers.
#[derive(Serialize)]
struct Everything {
    range: Covered,
    totals: Totals,
    endpoints: Vec<EndpointTotals>,
    series: Vec<Point>,
    unused: Vec<UnusedEndpoint>,
}

#[derive(Serialize)]
struct Covered {
    from: Option<Time>,
    to: Option<Time>,
}

#[derive(Serialize)]
struct Point {
    start: Time,
    #[serde(flatten)]
    measured: Measured,
}

/// Writes a report as one JSON object, or its unused endpoints as a list.
///
/// # Errors
///
/// When the text cannot be put together, which takes more memory than there is.
pub fn render(report: &Report, only_unused: bool) -> serde_json::Result<String> {
    let unused: Vec<_> = report.unused.iter().map(UnusedEndpoint::from).collect();
    let mut text =
        if only_unused { serde_json::to_string(&unused)? } else { serde_json::to_string(&everything(report, unused))? };
    text.push('\n');
    Ok(text)
}

fn everything(report: &Report, unused: Vec<UnusedEndpoint>) -> Everything {
    let stats = &report.stats;
    let points = stats.series.iter();
    Everything {
        range: Covered {
            from: stats.covered.map(|range| range.from.into()),
            to: stats.covered.map(|range| range.to.into()),
        },
        totals: (&stats.totals).into(),
        endpoints: stats.endpoints.iter().map(EndpointTotals::from).collect(),
        series: points.map(|point| Point { start: point.start.into(), measured: (&point.counts).into() }).collect(),
        unused,
    }
}
