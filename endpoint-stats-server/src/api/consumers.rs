//! `/v1/consumers`: the named consumers that did most.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use endpoint_stats_core::aggregate::{ConsumerCounts, ConsumerName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::answer::{FormatText, Wanted};
use super::document::{Refusals, Unchanged};
use super::limit::Limit;
use super::parameters::Ask;
use super::question::{Question, covered};
use crate::api_error::ApiError;
use crate::reading::{FilterText, RangeText};
use crate::report::Span;
use crate::report::csv::Table;
use crate::report::measured::ConsumerUse;

/// Which consumers come first, and how many of them.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TopText {
    /// What they are sorted by, the most first; `hits` without it.
    #[param(inline)]
    sort: Option<SortConsumersBy>,
    /// How many at most, 1 to 1,000; 100 without it.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<Limit>,
}

/// What consumers are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SortConsumersBy {
    /// Hits.
    #[default]
    Hits,
    /// Errors of the service.
    Errors,
    /// Response bytes.
    Bytes,
}

/// The consumers that did most.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsumersAnswer {
    /// The range asked about, widened to windows.
    range: Span,
    /// The seconds that the counted windows cover; `null` when there are none.
    covered: Option<Span>,
    /// How many consumers there are in all.
    total: usize,
    /// Those that did most.
    consumers: Vec<NamedConsumer>,
}

/// What one consumer did.
#[derive(Debug, Serialize, ToSchema)]
struct NamedConsumer {
    /// The name that the service gives it; `_OVERFLOW` stands for those beyond the limit of names.
    consumer: String,
    #[serde(flatten)]
    used: ConsumerUse,
}

/// The named consumers that did most: API keys, tenants, whatever services name.
#[utoipa::path(
    get,
    path = "/v1/consumers",
    tag = "query",
    params(RangeText, FilterText, TopText, FormatText),
    responses(
        (
            status = 200,
            description = "The consumers",
            content((ConsumersAnswer = "application/json"), (String = "text/csv")),
        ),
        Unchanged,
        Refusals,
    )
)]
pub(super) async fn consumers(
    State(api): State<Api>,
    question: Question,
    Ask(text): Ask<TopText>,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let report = question.ask(&api).await?;
    let all = &report.totals.counts.consumers;
    let answer = ConsumersAnswer {
        range: question.range(),
        covered: covered(&report),
        total: all.len(),
        consumers: top(all, text.sort.unwrap_or_default(), text.limit.unwrap_or_default().rows()),
    };
    wanted.answer(&answer, question.freshness)
}

fn top(all: &BTreeMap<ConsumerName, ConsumerCounts>, sort: SortConsumersBy, limit: usize) -> Vec<NamedConsumer> {
    let key = |used: &ConsumerCounts| match sort {
        SortConsumersBy::Hits => used.hits,
        SortConsumersBy::Errors => used.errors,
        SortConsumersBy::Bytes => used.response_bytes,
    };
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|(_, used)| Reverse(key(used)));
    let named = |(name, used): (&ConsumerName, &ConsumerCounts)| NamedConsumer {
        consumer: name.to_string(),
        used: (*used).into(),
    };
    sorted.into_iter().take(limit).map(named).collect()
}

impl Table for ConsumersAnswer {
    fn columns(&self) -> Vec<&'static str> {
        vec!["consumer", "hits", "errors", "response_bytes"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let numbers = |used: &ConsumerUse| [used.hits, used.errors, used.response_bytes].map(|count| count.to_string());
        let row = |one: &NamedConsumer| [one.consumer.clone()].into_iter().chain(numbers(&one.used)).collect();
        self.consumers.iter().map(row).collect()
    }
}
