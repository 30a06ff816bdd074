//! `/v1/endpoints`: each endpoint with a hit in a range.

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use endpoint_stats_core::store::EndpointReport;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::answer::{FormatText, Wanted};
use super::cursor::{self, Cursor};
use super::document::{Refusals, Unchanged};
use super::limit::Limit;
use super::parameters::{Ask, read};
use super::question::{Question, covered};
use crate::api_error::ApiError;
use crate::reading::{FilterText, RangeText};
use crate::report::csv::Table;
use crate::report::measured::EndpointTotals;
use crate::report::{Direction, Order, Place, SortBy, Span};

const MAX_SEARCH_BYTES: usize = 512;

/// Which endpoints, in which order.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListText {
    /// Only endpoints with this text in their service, method and route, `shop GET /users/{id}`, in any case.
    #[param(max_length = 512)]
    search: Option<String>,
    /// What they are sorted by; `hits` without it.
    #[param(inline)]
    sort: Option<SortBy>,
    /// Which end comes first: `asc` for names and `desc` for numbers without it.
    #[param(inline)]
    order: Option<Direction>,
}

/// Which page.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageText {
    /// How many endpoints at most, 1 to 1,000; 100 without it.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<Limit>,
    /// `next` of the page before, with all else as it was; the range stays that of the first page.
    #[param(pattern = "^([0-9a-f]{2}){9,2000}$")]
    cursor: Option<String>,
}

/// A page of endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EndpointsAnswer {
    /// The range asked about, widened to windows.
    range: Span,
    /// The seconds that the counted windows cover; `null` when there are none.
    covered: Option<Span>,
    /// How many endpoints there are on all pages.
    total: usize,
    /// Those of this page.
    endpoints: Vec<EndpointTotals>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// Each endpoint with a hit in a range, sorted, page by page. The header `Link` leads to the next page too.
#[utoipa::path(
    get,
    path = "/v1/endpoints",
    tag = "query",
    params(RangeText, FilterText, ListText, PageText, FormatText),
    responses(
        (status = 200, description = "A page", content((EndpointsAnswer = "application/json"), (String = "text/csv"))),
        Unchanged,
        Refusals,
    )
)]
pub(super) async fn endpoints(
    State(api): State<Api>,
    question: Question,
    Ask(list): Ask<ListText>,
    Ask(page): Ask<PageText>,
    wanted: Wanted,
    uri: Uri,
) -> Result<Response, ApiError> {
    let identity = identity(&uri)?;
    let cursor = page.cursor.as_deref().map(|text| Cursor::decode(text, identity)).transpose()?;
    let question = match &cursor {
        Some(cursor) => question.over(cursor.range, api.reader.now()),
        None => question,
    };
    let report = question.ask(&api).await?;
    let covered = covered(&report);
    let listed = list.pick(report.endpoints)?;
    let rows = page.limit.unwrap_or_default().rows();
    let page = Page::of(&listed, list.order(), cursor.map(|cursor| cursor.after).as_ref(), rows);
    let next = page.last.map(|after| Cursor { question: identity, range: question.query.range, after }.encode());
    let link = next.as_deref().and_then(|next| link(&uri, next));
    let endpoints = page.endpoints.iter().map(EndpointTotals::from).collect();
    let answer = EndpointsAnswer { range: question.range(), covered, total: listed.len(), endpoints, next };
    let mut response = wanted.answer(&answer, question.freshness)?;
    response.headers_mut().extend(link.map(|link| (header::LINK, link)));
    Ok(response)
}

/// Some endpoints of a list, and behind which of them the next page begins.
struct Page<'a> {
    endpoints: &'a [EndpointReport],
    last: Option<Place>,
}

impl<'a> Page<'a> {
    fn of(listed: &'a [EndpointReport], order: Order, after: Option<&Place>, rows: usize) -> Self {
        let start = after.map_or(0, |place| listed.partition_point(|found| !order.is_behind(found, place)));
        let rest = &listed[start..];
        let endpoints = &rest[..rows.min(rest.len())];
        let last = endpoints.last().filter(|_| endpoints.len() < rest.len()).map(|found| order.place(found));
        Self { endpoints, last }
    }
}

impl ListText {
    fn order(&self) -> Order {
        Order::new(self.sort.unwrap_or_default(), self.order)
    }

    /// The endpoints that are searched for, in order.
    fn pick(&self, mut endpoints: Vec<EndpointReport>) -> Result<Vec<EndpointReport>, ApiError> {
        let text = self.search.as_deref().unwrap_or_default().to_lowercase();
        if text.len() > MAX_SEARCH_BYTES {
            return Err(ApiError::bad_query("search", format!("`search` is longer than {MAX_SEARCH_BYTES} bytes")));
        }
        endpoints.retain(|found| found.endpoint.to_string().to_lowercase().contains(&text));
        Ok(self.order().sort(endpoints))
    }
}

/// What tells lists apart: all that is asked, but for where a page begins and ends and how it is written.
fn identity(uri: &Uri) -> Result<u64, ApiError> {
    let mut asked: Vec<(String, String)> = read(uri)?;
    asked.retain(|(name, _)| !["cursor", "limit", "format"].contains(&name.as_str()));
    asked.sort();
    Ok(cursor::identity(&asked))
}

/// The same question from the cursor on, relative to where it was asked (RFC 8288).
fn link(uri: &Uri, next: &str) -> Option<HeaderValue> {
    let parts = uri.query().unwrap_or_default().split('&');
    let kept = parts.filter(|part| !part.is_empty() && !part.starts_with("cursor="));
    let cursor = format!("cursor={next}");
    let query: Vec<_> = kept.chain([cursor.as_str()]).collect();
    HeaderValue::try_from(format!("<?{}>; rel=\"next\"", query.join("&"))).ok()
}

impl Table for EndpointsAnswer {
    fn columns(&self) -> Vec<&'static str> {
        self.endpoints.columns()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.endpoints.rows()
    }
}
