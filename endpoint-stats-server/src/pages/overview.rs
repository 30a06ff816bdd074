//! The overview: every endpoint in a range of time.

use std::collections::BTreeSet;

use askama::Template;
use endpoint_stats_core::store::{EndpointReport, EndpointStatus};
use endpoint_stats_core::window::Timestamp;

use super::asked::Asked;
use super::chart::Chart;
use super::compared::{Compared, Summary};
use super::frame::Frame;
use super::link::Link;
use super::order::{Column, Order};
use super::page::Page;
use super::range_choice::RangeChoice;
use super::row::Row;
use super::steps::Steps;
use super::visit::Visit;
use super::{Pages, numbers};
use crate::access::Scope;
use crate::api_error::ApiError;

const ROWS_A_PAGE: usize = 100;

#[derive(Template)]
#[template(path = "overview.html")]
pub(crate) struct Overview {
    frame: Frame,
    choice: RangeChoice,
    asked: Asked,
    services: Vec<String>,
    first_hit: Option<FirstHit>,
    /// When the last hit was, where the range has none.
    last_hit: Option<String>,
    is_empty: bool,
    summary: Summary,
    columns: Vec<Column>,
    rows: Vec<Row>,
    found: String,
    spark_width: usize,
    before: Option<Link>,
    after: Option<Link>,
    json: Link,
}

/// What is told as long as no other service has sent a hit.
struct FirstHit {
    /// Where to send hits, if they are taken here.
    server: Option<String>,
    needs_token: bool,
}

impl Page for Overview {
    async fn of(visit: &Visit) -> Result<Self, ApiError> {
        let asked = &visit.asked;
        let (order, page) = (Order::of(asked)?, page_number(asked)?);
        let compared = Compared::of(visit, asked.service_filter()?).await?;
        let known = &compared.known;
        let hits = compared.report.totals.counts.hits();
        let path = &visit.place.home;
        let json = |name: &str| asked.link(visit.place.path_of(&format!("v1/{name}")));
        let mut overview = Self {
            frame: visit.frame("Overview", "Overview").with_overflow(known, compared.range),
            choice: RangeChoice::new(asked, path, compared.range),
            services: services(known),
            first_hit: visit.pages.is_waiting_for_hits(known).then(|| FirstHit::of(visit)),
            last_hit: last_hit(known, hits, visit.now),
            is_empty: hits == 0,
            summary: compared.summary(json),
            columns: order.columns(asked, path),
            rows: Vec::new(),
            found: String::new(),
            spark_width: compared.steps.count.saturating_sub(1).max(1),
            before: None,
            after: None,
            json: json("endpoints").with("search", asked.search.as_deref()),
            asked: asked.clone(),
        };
        let steps = compared.steps;
        let mut endpoints = compared.report.endpoints;
        let all = endpoints.len();
        overview.keep_found(&mut endpoints);
        overview.show_page(visit, &order.sort(endpoints), page, all, steps);
        Ok(overview)
    }
}

impl Overview {
    /// Drops the endpoints that do not hold the text that is searched.
    fn keep_found(&self, endpoints: &mut Vec<EndpointReport>) {
        if let Some(search) = self.asked.search.as_deref().map(str::to_lowercase) {
            endpoints.retain(|found| found.endpoint.to_string().to_lowercase().contains(&search));
        }
    }

    fn show_page(&mut self, visit: &Visit, endpoints: &[EndpointReport], page: usize, all: usize, steps: Steps) {
        let skipped = (page - 1).saturating_mul(ROWS_A_PAGE).min(endpoints.len());
        let shown = &endpoints[skipped..endpoints.len().min(skipped + ROWS_A_PAGE)];
        self.rows = shown.iter().map(|found| Row::of(found, visit, steps)).collect();
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
    fn of(visit: &Visit) -> Self {
        let Visit { pages, place, principal, .. } = visit;
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
    fn a_page_before_the_first_is_refused() {
        for page in ["0", "-1", "two", "99999999999999999999999"] {
            let asked = Asked { page: Some(page.to_owned()), ..Asked::default() };
            assert_eq!(page_number(&asked).unwrap_err().code(), "bad_query");
        }
    }
}
