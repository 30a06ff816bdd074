//! `/v1/percentiles`: any percentiles of a range.

use axum::extract::State;
use axum::response::Response;
use endpoint_stats_core::sketch::LatencySketch;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::answer::{FormatText, Wanted};
use super::document::{Refusals, Unchanged};
use super::parameters::Ask;
use super::question::{Question, covered};
use crate::api_error::ApiError;
use crate::reading::{FilterText, RangeText};
use crate::report::Span;
use crate::report::csv::Table;
use crate::report::measured::secs_cell;

const MAX_QUANTILES: usize = 20;
const USUAL: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Which percentiles are asked for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct QuantilesText {
    /// At most 20 shares of the hits, above 0 and at most 1, with commas between them; `0.5,0.9,0.95,0.99` without it.
    #[param(value_type = Option<String>, pattern = r"^(0\.[0-9]{1,9}|1|1\.0{1,9})(,(0\.[0-9]{1,9}|1|1\.0{1,9})){0,19}$")]
    #[param(example = "0.5,0.999")]
    q: Option<Quantiles>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Quantiles(Vec<f64>);

/// Percentiles of a range.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PercentilesAnswer {
    /// The range asked about, widened to windows.
    range: Span,
    /// The seconds that the counted windows cover; `null` when there are none.
    covered: Option<Span>,
    /// From receiving a request to its response head.
    latency: Distribution,
    /// From receiving a request to the last byte of its response body.
    duration: Distribution,
}

/// How long it took.
#[derive(Debug, Serialize, ToSchema)]
struct Distribution {
    /// How many durations were measured.
    count: u64,
    /// The percentiles, in the order they were asked for.
    quantiles: Vec<Quantile>,
}

/// One percentile.
#[derive(Debug, Serialize, ToSchema)]
struct Quantile {
    /// The share of the hits that took at most so long.
    q: f64,
    /// Seconds, within 1.1 %; `null` when nothing was measured.
    secs: Option<f64>,
}

/// Any percentiles of latency and duration over a range.
#[utoipa::path(
    get,
    path = "/v1/percentiles",
    tag = "query",
    params(RangeText, FilterText, QuantilesText, FormatText),
    responses(
        (
            status = 200,
            description = "The percentiles",
            content((PercentilesAnswer = "application/json"), (String = "text/csv")),
        ),
        Unchanged,
        Refusals,
    )
)]
pub(super) async fn percentiles(
    State(api): State<Api>,
    question: Question,
    Ask(text): Ask<QuantilesText>,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let report = question.ask(&api).await?;
    let Quantiles(asked) = text.q.unwrap_or(Quantiles(USUAL.to_vec()));
    let counts = &report.totals.counts;
    let answer = PercentilesAnswer {
        range: question.range(),
        covered: covered(&report),
        latency: Distribution::new(&counts.latency, &asked),
        duration: Distribution::new(&counts.duration, &asked),
    };
    wanted.answer(&answer, question.freshness)
}

impl TryFrom<String> for Quantiles {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = |one: &str| one.parse::<f64>().ok().filter(|q| *q > 0.0 && *q <= 1.0);
        let quantiles: Option<Vec<_>> = text.split(',').map(read).collect();
        quantiles
            .filter(|quantiles| quantiles.len() <= MAX_QUANTILES)
            .map(Self)
            .ok_or_else(|| format!("expected at most {MAX_QUANTILES} numbers above 0 and at most 1, such as 0.5,0.99"))
    }
}

impl Distribution {
    fn new(sketch: &LatencySketch, asked: &[f64]) -> Self {
        let quantile = |&q: &f64| Quantile { q, secs: sketch.quantile(q).map(|found| found.as_secs_f64()) };
        Self { count: sketch.count(), quantiles: asked.iter().map(quantile).collect() }
    }
}

impl Table for PercentilesAnswer {
    fn columns(&self) -> Vec<&'static str> {
        vec!["q", "latency_secs", "duration_secs"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let pairs = self.latency.quantiles.iter().zip(&self.duration.quantiles);
        pairs.map(|(a, b)| vec![a.q.to_string(), secs_cell(a.secs), secs_cell(b.secs)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_above_zero_and_at_most_one() {
        let read = |text: &str| Quantiles::try_from(text.to_owned());

        assert_eq!(read("0.5,1").unwrap(), Quantiles(vec![0.5, 1.0]));
        for wrong in ["", "0", "1.1", "-0.5", "NaN", "inf", "1e400", "0.5,", "0.5;0.9"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&vec!["0.5"; 20].join(",")).is_ok());
        assert!(read(&vec!["0.5"; 21].join(",")).is_err());
    }
}
