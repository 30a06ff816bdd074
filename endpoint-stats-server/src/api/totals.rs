//! `/v1/totals`: everything in a range, together.

use axum::extract::State;
use axum::response::Response;
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
use crate::report::measured::Totals;

/// Which other range to tell too.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CompareText {
    /// Tells another range too.
    #[param(inline)]
    compare: Option<Compare>,
}

/// Another range.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Compare {
    /// The range of the same length that ends where this one begins.
    Previous,
}

/// Everything in a range, together.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TotalsAnswer {
    #[serde(flatten)]
    asked: RangeTotals,
    /// The range before, if it was asked for.
    previous: Option<RangeTotals>,
}

/// Everything in one range.
#[derive(Debug, Serialize, ToSchema)]
struct RangeTotals {
    /// The range asked about, widened to windows.
    range: Span,
    /// The seconds that the counted windows cover; `null` when there are none.
    covered: Option<Span>,
    /// Everything that was counted.
    totals: Totals,
}

impl RangeTotals {
    async fn ask(api: &Api, question: &Question) -> Result<Self, ApiError> {
        let report = question.ask(api).await?;
        Ok(Self { range: question.range(), covered: covered(&report), totals: (&report.totals).into() })
    }
}

/// Everything in a range, together; with `compare=previous` beside the range before.
#[utoipa::path(
    get,
    path = "/v1/totals",
    tag = "query",
    params(RangeText, FilterText, CompareText, FormatText),
    responses(
        (status = 200, description = "The totals", content((TotalsAnswer = "application/json"), (String = "text/csv"))),
        Unchanged,
        Refusals,
    )
)]
pub(super) async fn totals(
    State(api): State<Api>,
    question: Question,
    Ask(compare): Ask<CompareText>,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let asked = RangeTotals::ask(&api, &question).await?;
    let previous = match compare.compare {
        Some(Compare::Previous) => Some(RangeTotals::ask(&api, &before(&question)).await?),
        None => None,
    };
    wanted.answer(&TotalsAnswer { asked, previous }, question.freshness)
}

/// The same question about the range before.
fn before(question: &Question) -> Question {
    let mut question = question.clone();
    question.query.range = question.query.range.preceding();
    question
}

impl Table for TotalsAnswer {
    fn columns(&self) -> Vec<&'static str> {
        [&["from", "to"][..], &Totals::columns()].concat()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |one: &RangeTotals| {
            let Span { from, to } = &one.range;
            [vec![from.as_str().to_owned(), to.as_str().to_owned()], one.totals.cells()].concat()
        };
        [Some(&self.asked), self.previous.as_ref()].into_iter().flatten().map(row).collect()
    }
}
