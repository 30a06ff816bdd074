//! `/v1/services`: each service.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::store::{EndpointStatus, StatsReport};
use endpoint_stats_core::window::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::{FormatText, Freshness, Wanted};
use super::document::Refusals;
use super::question::{Question, covered};
use crate::api_error::ApiError;
use crate::reading::RangeText;
use crate::report::csv::Table;
use crate::report::measured::time_cell;
use crate::report::{Span, Time};

/// Each service that is known, in the order of their names.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServicesAnswer {
    /// The range asked about, widened to windows.
    range: Span,
    /// The seconds that the counted windows cover; `null` when there are none.
    covered: Option<Span>,
    /// The services.
    services: Vec<ServiceRow>,
}

/// One service.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceRow {
    /// Its name.
    service: String,
    /// How many endpoints of it are known, whenever they were called.
    endpoints: u64,
    /// Its hits in the range.
    hits: u64,
    /// Those of its hits in the range that are errors of the service.
    errors: u64,
    /// Its last hit of all time; `null` when it was never called.
    last_called: Option<Time>,
}

#[derive(Default)]
struct Sums {
    endpoints: u64,
    hits: u64,
    errors: u64,
    last_called: Option<Timestamp>,
}

/// Each service that is known: its endpoints, its hits in a range, and its last call.
#[utoipa::path(
    get,
    path = "/v1/services",
    tag = "query",
    params(RangeText, FormatText),
    responses(
        (status = 200, description = "The services", content((ServicesAnswer = "application/json"), (String = "text/csv"))),
        Refusals,
    )
)]
pub(super) async fn services(State(api): State<Api>, question: Question, wanted: Wanted) -> Result<Response, ApiError> {
    let report = question.ask(&api).await?;
    let known = api.reader.endpoints(&question.principal).await?;
    let services = sums(&report, &known).into_iter().map(ServiceRow::from).collect();
    let answer = ServicesAnswer { range: question.range(), covered: covered(&report), services };
    wanted.answer(&answer, Freshness::Open)
}

fn sums<'a>(report: &'a StatsReport, known: &'a [EndpointStatus]) -> BTreeMap<&'a ServiceName, Sums> {
    let mut services = BTreeMap::<_, Sums>::new();
    for status in known {
        let sums = services.entry(status.endpoint.service()).or_default();
        sums.endpoints += 1;
        sums.last_called = sums.last_called.max(status.last_called);
    }
    for found in &report.endpoints {
        let sums = services.entry(found.endpoint.service()).or_default();
        let counts = &found.summary.counts;
        sums.hits = sums.hits.saturating_add(counts.hits());
        sums.errors = sums.errors.saturating_add(counts.outcomes.errors());
    }
    services
}

impl From<(&ServiceName, Sums)> for ServiceRow {
    fn from((service, sums): (&ServiceName, Sums)) -> Self {
        let Sums { endpoints, hits, errors, last_called } = sums;
        Self { service: service.to_string(), endpoints, hits, errors, last_called: last_called.map(Time::from) }
    }
}

impl Table for ServicesAnswer {
    fn columns(&self) -> Vec<&'static str> {
        vec!["service", "endpoints", "hits", "errors", "last_called"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |one: &ServiceRow| {
            let counts = [one.endpoints, one.hits, one.errors].map(|count| count.to_string());
            [one.service.clone()].into_iter().chain(counts).chain([time_cell(one.last_called.as_ref())]).collect()
        };
        self.services.iter().map(row).collect()
    }
}
