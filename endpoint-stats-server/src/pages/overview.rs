//! The overview: every endpoint in a range of time.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use endpoint_stats_core::store::{EndpointReport, EndpointStatus, StatsQuery};
use endpoint_stats_core::window::{TimeRange, Timestamp};

use super::asked::Asked;
use super::chart::Chart;
use super::frame::Frame;
use super::link::Link;
use super::order::{Column, Order};
use super::place::Place;
use super::range_choice::RangeChoice;
use super::row::Row;
use super::steps::Steps;
use super::tiles::{Tile, tiles};
use super::{Pages, numbers, page};
use crate::access::{Principal, Scope};
use crate::api_error::ApiError;

const ROWS_A_PAGE: usize = 100;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    choice: RangeChoice,
    asked: Asked,
    services: Vec<String>,
    first_hit: Option<FirstHit>,
    /// When the last hit was, where the range has none.
    last_hit: Option<String>,
    is_empty: bool,
    tiles: Vec<Tile>,
    hits: Chart,
    latency: Chart,
    step: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    found: String,
    spark_width: usize,
    before: Option<Link>,
    after: Option<Link>,
    json: Json,
}

/// What is told as long as no other service has sent a hit.
struct FirstHit {
    /// Where to send hits, if they are taken here.
    server: Option<String>,
    needs_token: bool,
}

struct Json {
    totals: Link,
    series: Link,
    percentiles: Link,
    endpoints: Link,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    place: Place,
    principal: Result<Principal, ApiError>,
    uri: Uri,
) -> Response {
    let made = async { Overview::of(&pages, &place, &principal?, &uri).await }.await;
    page::respond(&place, made)
}

impl Overview {
    async fn of(pages: &Pages, place: &Place, principal: &Principal, uri: &Uri) -> Result<Self, ApiError> {
        let asked = Asked::of(uri)?;
        let now = pages.reader.now();
        let (range, filter, order) = (asked.range(now)?, asked.service_filter()?, Order::of(&asked)?);
        let page = page_number(&asked)?;
        let steps = Steps::of(range, now);
        let query = StatsQuery::over(range).with_filter(filter.clone()).with_step_secs(steps.secs);
        let before = StatsQuery::over(range_before(range)).with_filter(filter);
        let (mut report, before, known) = tokio::try_join!(
            pages.reader.report(principal, &query),
            pages.reader.report(principal, &before),
            pages.reader.endpoints(principal),
        )?;
        let totals = &report.totals.counts;
        let path = &place.home;
        let json = |name: &str| asked.link(format!("{}v1/{name}", place.base));
        let mut overview = Self {
            frame: Frame::new(place.clone(), "Overview", "Overview", &asked).with_overflow(&known, range),
            choice: RangeChoice::new(&asked, path, range),
            services: services(&known),
            first_hit: pages.is_waiting_for_hits(&known).then(|| FirstHit::of(pages, place, principal)),
            last_hit: last_hit(&known, totals.hits(), now),
            is_empty: totals.hits() == 0,
            tiles: tiles(totals, &before.totals.counts),
            hits: Chart::of_hits(&report.series, totals, steps),
            latency: Chart::of_latency(&report.series, totals, steps),
            step: numbers::length(steps.secs),
            columns: order.columns(&asked, path),
            rows: Vec::new(),
            found: String::new(),
            spark_width: steps.count.saturating_sub(1).max(1),
            before: None,
            after: None,
            json: Json {
                totals: json("totals"),
                series: json("series").with("step", Some(&format!("{}s", steps.secs))),
                percentiles: json("percentiles"),
                endpoints: json("endpoints").with("search", asked.search.as_deref()),
            },
            asked,
        };
        let all = report.endpoints.len();
        overview.keep_found(&mut report.endpoints);
        report.endpoints = order.sort(report.endpoints);
        overview.show_page(&report.endpoints, page, all, steps, now);
        Ok(overview)
    }

    /// Drops the endpoints that do not hold the text that is searched.
    fn keep_found(&self, endpoints: &mut Vec<EndpointReport>) {
        if let Some(search) = self.asked.search.as_deref().map(str::to_lowercase) {
            endpoints.retain(|found| found.endpoint.to_string().to_lowercase().contains(&search));
        }
    }

    fn show_page(&mut self, endpoints: &[EndpointReport], page: usize, all: usize, steps: Steps, now: Timestamp) {
        let skipped = (page - 1).saturating_mul(ROWS_A_PAGE).min(endpoints.len());
        let shown = &endpoints[skipped..endpoints.len().min(skipped + ROWS_A_PAGE)];
        let row = |found| Row::of(found, &self.asked, &self.frame.place.base, steps, now);
        self.rows = shown.iter().map(row).collect();
        self.found = match (endpoints.len(), shown.len()) {
            (found, rows) if rows < found => {
                format!("{} to {} of {}", skipped + usize::from(rows > 0), skipped + rows, found)
            }
            (found, _) if found < all => format!("{found} of {all}"),
            (found, _) => found.to_string(),
        };
        self.before = (page > 1).then(|| self.page_link(page - 1));
        self.after = (skipped + shown.len() < endpoints.len()).then(|| self.page_link(page + 1));
    }

    fn page_link(&self, page: usize) -> Link {
        let asked = &self.asked;
        let link = asked.link(self.frame.place.home.clone()).with("search", asked.search.as_deref());
        let link = link.with("sort", asked.sort.as_deref()).with("order", asked.order.as_deref());
        link.with("page", (page > 1).then(|| page.to_string()).as_deref())
    }
}

impl FirstHit {
    fn of(pages: &Pages, place: &Place, principal: &Principal) -> Self {
        let origin = place.origin.as_deref().unwrap_or("http://127.0.0.1:9999");
        let may_anyone_send = !principal.has_token() && principal.need(Scope::Ingest).is_ok();
        Self { server: pages.takes_hits.then(|| origin.to_owned()), needs_token: !may_anyone_send }
    }
}

impl Pages {
    /// Whether nobody but this server itself has sent a hit.
    fn is_waiting_for_hits(&self, known: &[EndpointStatus]) -> bool {
        let is_own = |status: &&EndpointStatus| Some(status.endpoint.service()) == self.own_service.as_ref();
        known.iter().filter(|status| !is_own(status)).all(|status| status.hits == 0)
    }
}

fn page_number(asked: &Asked) -> Result<usize, ApiError> {
    let number = asked.page.as_deref().map_or(Some(1), |page| page.parse().ok().filter(|page| *page > 0));
    number.ok_or_else(|| ApiError::bad_query("page", "`page` is not a number from 1"))
}

/// The range of the same length that ends where this one begins.
pub(super) fn range_before(range: TimeRange) -> TimeRange {
    let length = range.to.as_unix() - range.from.as_unix();
    TimeRange::new(range.from.minus_secs(length), range.from)
}

fn services(known: &[EndpointStatus]) -> Vec<String> {
    let names: BTreeSet<_> = known.iter().map(|status| status.endpoint.service().as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn last_hit(known: &[EndpointStatus], hits: u64, now: Timestamp) -> Option<String> {
    let last = known.iter().filter_map(|status| status.last_called).max().filter(|_| hits == 0)?;
    Some(format!("{} ({})", numbers::time(last), numbers::ago(last, now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_before_ends_where_the_range_begins() {
        let at = Timestamp::from_unix;

        assert_eq!(range_before(TimeRange::new(at(100), at(130))), TimeRange::new(at(70), at(100)));
    }

    #[test]
    fn a_page_before_the_first_is_refused() {
        for page in ["0", "-1", "two", "99999999999999999999999"] {
            let asked = Asked { page: Some(page.to_owned()), ..Asked::default() };
            assert_eq!(page_number(&asked).unwrap_err().code(), "bad_query");
        }
    }
}
