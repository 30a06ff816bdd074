//! `/v1/series`: a range step by step.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use endpoint_stats_core::Outcome;
use endpoint_stats_core::aggregate::OutcomeCounts;
use endpoint_stats_core::store::SeriesPoint;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::answer::{FormatText, Wanted};
use super::document::{Refusals, Unchanged};
use super::parameters::Ask;
use super::question::{Question, covered};
use crate::api_error::ApiError;
use crate::reading::{self, FilterText, RangeText};
use crate::report::csv::Table;
use crate::report::measured::Measured;
use crate::report::{Span, Time};

const CLASSES: [&str; 8] = ["1xx", "2xx", "3xx", "4xx", "5xx", "failed", "aborted", "panicked"];

/// How fine a series is.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StepText {
    /// `10s`, `5m`, `1h` or `1d`, a multiple of ten seconds that gives at most 1,500 points; `auto` without it.
    #[param(pattern = "^(|auto|[1-9][0-9]*[smhd])$", example = "1h")]
    step: Option<String>,
    /// Tells the hits of each class of status too.
    #[param(inline)]
    by: Option<By>,
}

/// How the hits of a point are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum By {
    /// By class of status: `2xx`, `failed`, ….
    Class,
}

/// A range step by step; steps without a hit are left out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesAnswer {
    /// The range asked about, widened to windows.
    range: Span,
    /// The seconds that the counted windows cover; `null` when there are none.
    covered: Option<Span>,
    /// Seconds from one step to the next.
    step_secs: i64,
    /// The steps with a hit, the earliest first.
    points: Vec<Point>,
    #[serde(skip)]
    by: Option<By>,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
struct Point {
    /// The first second of the step, a multiple of the step's length since 1970.
    start: Time,
    #[serde(flatten)]
    measured: Measured,
    /// Hits by class of status, with `by=class`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    classes: Option<BTreeMap<&'static str, u64>>,
}

/// A range step by step: hits, errors, percentiles, bytes and callers of each step with a hit.
#[utoipa::path(
    get,
    path = "/v1/series",
    tag = "query",
    params(RangeText, FilterText, StepText, FormatText),
    responses(
        (status = 200, description = "The steps", content((SeriesAnswer = "application/json"), (String = "text/csv"))),
        Unchanged,
        Refusals,
    )
)]
pub(super) async fn series(
    State(api): State<Api>,
    mut question: Question,
    Ask(text): Ask<StepText>,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let step_secs = reading::step(text.step.as_deref(), question.query.range)?;
    question.query.step_secs = Some(step_secs);
    let report = question.ask(&api).await?;
    let answer = SeriesAnswer {
        range: question.range(),
        covered: covered(&report),
        step_secs,
        points: report.series.iter().map(|found| Point::new(found, text.by)).collect(),
        by: text.by,
    };
    wanted.answer(&answer, question.freshness)
}

impl Point {
    fn new(found: &SeriesPoint, by: Option<By>) -> Self {
        Self {
            start: found.start.into(),
            measured: Measured::from(&found.counts).without_consumers(),
            classes: by.map(|By::Class| classes(&found.counts.outcomes)),
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.start.as_str().to_owned()];
        cells.extend(self.measured.cells());
        if let Some(classes) = &self.classes {
            cells.extend(CLASSES.iter().map(|class| classes.get(class).copied().unwrap_or_default().to_string()));
        }
        cells
    }
}

/// The hits of each class, those without a hit included.
fn classes(outcomes: &OutcomeCounts) -> BTreeMap<&'static str, u64> {
    let mut classes = BTreeMap::from(CLASSES.map(|class| (class, 0_u64)));
    for (outcome, hits) in outcomes.iter() {
        let sum = classes.entry(class(outcome)).or_default();
        *sum = sum.saturating_add(hits);
    }
    classes
}

/// Statuses of 600 and above count as errors of the service.
fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Status(..200) => "1xx",
        Outcome::Status(200..300) => "2xx",
        Outcome::Status(300..400) => "3xx",
        Outcome::Status(400..500) => "4xx",
        Outcome::Status(500..) => "5xx",
        Outcome::Failed => "failed",
        Outcome::Aborted => "aborted",
        Outcome::Panicked => "panicked",
    }
}

impl Table for SeriesAnswer {
    fn columns(&self) -> Vec<&'static str> {
        let classes = if self.by == Some(By::Class) { &CLASSES[..] } else { &[] };
        [&["start"][..], &Measured::COLUMNS, classes].concat()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.points.iter().map(Point::cells).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hit_is_in_one_class() {
        let outcomes = [101, 204, 304, 404, 503, 999].map(|code| (Outcome::Status(code), 1)).into_iter();
        let others = [Outcome::Failed, Outcome::Aborted, Outcome::Panicked].map(|outcome| (outcome, 2));

        let classes = classes(&outcomes.chain(others).collect());

        assert_eq!(classes.values().sum::<u64>(), 12);
        assert_eq!((classes["5xx"], classes["2xx"], classes["aborted"]), (2, 1, 2));
    }
}
