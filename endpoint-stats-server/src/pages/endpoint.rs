//! The page of one endpoint.

use std::cmp::Reverse;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use endpoint_stats_core::aggregate::Counts;
use endpoint_stats_core::store::{EndpointFilter, EndpointStatus, StatsQuery};
use endpoint_stats_core::window::Timestamp;

use super::asked::Asked;
use super::chart::Chart;
use super::frame::Frame;
use super::heat_map::HeatMap;
use super::link::Link;
use super::overview::range_before;
use super::place::Place;
use super::range_choice::RangeChoice;
use super::steps::Steps;
use super::tiles::{Tile, tiles};
use super::{Pages, numbers, page};
use crate::access::Principal;
use crate::api_error::ApiError;

const MOST_CONSUMERS: usize = 20;

#[derive(Template)]
#[template(path = "endpoint.html")]
struct EndpointPage {
    frame: Frame,
    choice: RangeChoice,
    asked: Asked,
    is_called: bool,
    facts: Vec<(&'static str, String)>,
    tiles: Vec<Tile>,
    hits: Chart,
    latency: Chart,
    heat: Option<HeatMap>,
    step: String,
    outcomes: Vec<Outcome>,
    consumers: Vec<Consumer>,
    /// Consumers that are not shown.
    more_consumers: usize,
    json: Json,
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

struct Json {
    totals: Link,
    series: Link,
    percentiles: Link,
    consumers: Link,
}

pub(super) async fn show(
    State(pages): State<Pages>,
    place: Place,
    principal: Result<Principal, ApiError>,
    uri: Uri,
) -> Response {
    let made = async { EndpointPage::of(&pages, &place, &principal?, &uri).await }.await;
    page::respond(&place, made)
}

impl EndpointPage {
    async fn of(pages: &Pages, place: &Place, principal: &Principal, uri: &Uri) -> Result<Self, ApiError> {
        let asked = Asked::of(uri)?;
        let now = pages.reader.now();
        let (range, filter) = (asked.range(now)?, asked.endpoint_filter()?);
        let steps = Steps::of(range, now);
        let query = StatsQuery::over(range).with_filter(filter.clone()).with_step_secs(steps.secs);
        let before = StatsQuery::over(range_before(range)).with_filter(filter.clone());
        let (report, before, known) = tokio::try_join!(
            pages.reader.report(principal, &query),
            pages.reader.report(principal, &before),
            pages.reader.endpoints(principal),
        )?;
        let status = status(&known, &filter)?;
        let counts = &report.totals.counts;
        let json = |name: &str| asked.endpoint_link(format!("{}v1/{name}", place.base));
        let title = format!("{} {}", status.endpoint.method(), status.endpoint.route());
        Ok(Self {
            frame: Frame::new(place.clone(), title, "", &asked).with_overflow(&known, range),
            choice: RangeChoice::new(&asked, &format!("{}endpoint", place.base), range),
            is_called: counts.hits() > 0,
            facts: facts(status, counts, now),
            tiles: tiles(counts, &before.totals.counts),
            hits: Chart::of_hits(&report.series, counts, steps),
            latency: Chart::of_latency(&report.series, counts, steps),
            heat: HeatMap::of(&report.series, steps),
            step: numbers::length(steps.secs),
            outcomes: outcomes(counts),
            consumers: consumers(counts),
            more_consumers: counts.consumers.len().saturating_sub(MOST_CONSUMERS),
            json: Json {
                totals: json("totals"),
                series: json("series").with("step", Some(&format!("{}s", steps.secs))),
                percentiles: json("percentiles"),
                consumers: json("consumers"),
            },
            asked,
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
    let row = |(name, counts): (
        &endpoint_stats_core::aggregate::ConsumerName,
        &endpoint_stats_core::aggregate::ConsumerCounts,
    )| Consumer {
        name: name.to_string(),
        hits: numbers::count(counts.hits),
        errors: numbers::count(counts.errors),
        error_rate: numbers::percent(counts.errors, counts.hits),
        bytes: numbers::bytes(counts.response_bytes),
    };
    found.into_iter().take(MOST_CONSUMERS).map(row).collect()
}
