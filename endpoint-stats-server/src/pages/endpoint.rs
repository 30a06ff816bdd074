//! The page of one endpoint.

use std::cmp::Reverse;

use askama::Template;
use axum::http::StatusCode;
use endpoint_stats_core::aggregate::{ConsumerCounts, ConsumerName, Counts};
use endpoint_stats_core::store::{EndpointFilter, EndpointStatus};
use endpoint_stats_core::window::Timestamp;

use super::asked::Asked;
use super::chart::Chart;
use super::compared::{Compared, Summary};
use super::frame::Frame;
use super::heat_map::HeatMap;
use super::link::Link;
use super::numbers;
use super::page::Page;
use super::range_choice::RangeChoice;
use super::visit::Visit;
use crate::api_error::ApiError;

const MOST_CONSUMERS: usize = 20;

#[derive(Template)]
#[template(path = "endpoint.html")]
pub(super) struct EndpointPage {
    frame: Frame,
    choice: RangeChoice,
    asked: Asked,
    is_called: bool,
    facts: Vec<(&'static str, String)>,
    summary: Summary,
    heat: Option<HeatMap>,
    outcomes: Vec<Outcome>,
    consumers: Vec<Consumer>,
    /// Consumers that are not shown.
    more_consumers: usize,
    consumers_json: Link,
}

struct Outcome {
    name: String,
    hits: String,
    share: String,
    is_error: bool,
}

struct Consumer {
    name: String,
    hits: String,
    errors: String,
    error_rate: String,
    bytes: String,
}

impl Page for EndpointPage {
    async fn of(visit: &Visit) -> Result<Self, ApiError> {
        let asked = &visit.asked;
        let filter = asked.endpoint_filter()?;
        let compared = Compared::of(visit, filter.clone()).await?;
        let status = status(&compared.known, &filter)?;
        let counts = &compared.report.totals.counts;
        let json = |name: &str| asked.endpoint_link(visit.place.path_of(&format!("v1/{name}")));
        let title = format!("{} {}", status.endpoint.method(), status.endpoint.route());
        Ok(Self {
            frame: visit.frame(title, "").with_overflow(&compared.known, compared.range),
            choice: RangeChoice::new(asked, &visit.place.path_of("endpoint"), compared.range),
            is_called: counts.hits() > 0,
            facts: facts(status, counts, visit.now),
            summary: compared.summary(json),
            heat: HeatMap::of(&compared.report.series, compared.steps),
            outcomes: outcomes(counts),
            consumers: consumers(counts),
            more_consumers: counts.consumers.len().saturating_sub(MOST_CONSUMERS),
            consumers_json: json("consumers"),
            asked: asked.clone(),
        })
    }
}

fn status<'a>(known: &'a [EndpointStatus], filter: &EndpointFilter) -> Result<&'a EndpointStatus, ApiError> {
    known.iter().find(|status| filter.matches(&status.endpoint)).ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", "no such endpoint has been registered or called")
            .with_hint("follow a link of the overview")
    })
}

fn facts(status: &EndpointStatus, counts: &Counts, now: Timestamp) -> Vec<(&'static str, String)> {
    let time = |at: Option<Timestamp>| {
        at.map_or_else(|| "never".to_owned(), |at| format!("{} UTC, {}", numbers::time(at), numbers::ago(at, now)))
    };
    vec![
        ("Service", status.endpoint.service().to_string()),
        ("First seen", time(status.first_seen)),
        ("Last called", time(status.last_called)),
        ("Registered", time(status.registered_at)),
        ("Hits, all time", numbers::count(status.hits)),
        ("Bytes in", numbers::bytes(counts.request_bytes)),
        ("Bytes out", numbers::bytes(counts.response_bytes)),
        ("Longest", numbers::duration(crate::report::shown_sketch(counts).max())),
        ("p99 to the last byte", numbers::duration(counts.duration.quantile(0.99))),
    ]
}

fn outcomes(counts: &Counts) -> Vec<Outcome> {
    let all = counts.hits();
    let mut found: Vec<_> = counts.outcomes.iter().collect();
    found.sort_by_key(|(_, hits)| Reverse(*hits));
    let row = |(outcome, hits): (endpoint_stats_core::Outcome, u64)| Outcome {
        name: outcome.to_string(),
        hits: numbers::count(hits),
        share: numbers::percent(hits, all),
        is_error: outcome.is_error(),
    };
    found.into_iter().map(row).collect()
}

fn consumers(counts: &Counts) -> Vec<Consumer> {
    let mut found: Vec<_> = counts.consumers.iter().collect();
    found.sort_by(|(a, of_a), (b, of_b)| of_b.hits.cmp(&of_a.hits).then_with(|| a.cmp(b)));
    let row = |(name, counts): (&ConsumerName, &ConsumerCounts)| Consumer {
        name: name.to_string(),
        hits: numbers::count(counts.hits),
        errors: numbers::count(counts.errors),
        error_rate: numbers::percent(counts.errors, counts.hits),
        bytes: numbers::bytes(counts.response_bytes),
    };
    found.into_iter().take(MOST_CONSUMERS).map(row).collect()
}
