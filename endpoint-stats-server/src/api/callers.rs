//! `/v1/callers`: how many different callers.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use endpoint_stats_core::ServiceName;
use endpoint_stats_core::sketch::CallersSketch;
use endpoint_stats_core::store::StatsReport;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::{FormatText, Wanted};
use super::document::{Refusals, Unchanged};
use super::question::{Question, covered};
use crate::api_error::ApiError;
use crate::reading::{FilterText, RangeText};
use crate::report::Span;
use crate::report::csv::Table;

/// How many different callers there were.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallersAnswer {
    /// The range asked about, widened to windows.
    range: Span,
    /// The seconds that the counted windows cover; `null` when there are none.
    covered: Option<Span>,
    /// Different callers of all services, within about 2 %; who called two services counts once.
    callers: u64,
    /// Those of each service with a hit.
    services: Vec<ServiceCallers>,
}

/// How many different callers a service had.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceCallers {
    /// The service.
    service: String,
    /// Its different callers, within about 2 %.
    callers: u64,
}

/// How many different callers, of all services and of each. Keys rotate daily: who comes on two days counts twice.
#[utoipa::path(
    get,
    path = "/v1/callers",
    tag = "query",
    params(RangeText, FilterText, FormatText),
    responses(
        (status = 200, description = "The callers", content((CallersAnswer = "application/json"), (String = "text/csv"))),
        Unchanged,
        Refusals,
    )
)]
pub(super) async fn callers(State(api): State<Api>, question: Question, wanted: Wanted) -> Result<Response, ApiError> {
    let report = question.ask(&api).await?;
    let answer = CallersAnswer {
        range: question.range(),
        covered: covered(&report),
        callers: report.totals.counts.callers.count(),
        services: by_service(&report),
    };
    wanted.answer(&answer, question.freshness)
}

fn by_service(report: &StatsReport) -> Vec<ServiceCallers> {
    let mut services = BTreeMap::<&ServiceName, CallersSketch>::new();
    for found in &report.endpoints {
        services.entry(found.endpoint.service()).or_default().merge(&found.summary.counts.callers);
    }
    let of_one = |(service, callers): (&ServiceName, CallersSketch)| ServiceCallers {
        service: service.to_string(),
        callers: callers.count(),
    };
    services.into_iter().map(of_one).collect()
}

impl Table for CallersAnswer {
    fn columns(&self) -> Vec<&'static str> {
        vec!["service", "callers"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.services.iter().map(|one| vec![one.service.clone(), one.callers.to_string()]).collect()
    }
}
