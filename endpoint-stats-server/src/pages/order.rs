//! [`Order`]: in which order the table of endpoints is shown.

use endpoint_stats_core::store::EndpointReport;

use super::asked::Asked;
use super::link::Link;
use crate::api_error::ApiError;
use crate::report::shown_sketch;

/// What a table is ordered by, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    by: By,
    is_ascending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Name,
    Hits,
    Errors,
    ErrorRate,
    P50,
    P95,
    P99,
    Bytes,
    Callers,
    LastCalled,
}

/// The head of a column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) label: &'static str,
    pub(super) href: Link,
    /// What `aria-sort` says of it.
    pub(super) sorted: Option<&'static str>,
}

/// Each order's name in a query string and above its column.
const COLUMNS: [(By, &str, &str); 10] = [
    (By::Name, "name", "Endpoint"),
    (By::Hits, "hits", "Hits"),
    (By::Errors, "errors", "Errors"),
    (By::ErrorRate, "error_rate", "Error rate"),
    (By::P50, "p50", "p50"),
    (By::P95, "p95", "p95"),
    (By::P99, "p99", "p99"),
    (By::Bytes, "bytes", "Bytes out"),
    (By::Callers, "callers", "Callers"),
    (By::LastCalled, "last_called", "Last called"),
];

impl Order {
    pub(super) fn of(asked: &Asked) -> Result<Self, ApiError> {
        let name = asked.sort.as_deref().unwrap_or("hits");
        let by = COLUMNS.iter().find(|(_, known, _)| *known == name).map(|(by, ..)| *by).ok_or_else(|| {
            let known: Vec<_> = COLUMNS.iter().map(|(_, name, _)| *name).collect();
            ApiError::bad_query("sort", "`sort` is not a column").with_hint(format!("one of {}", known.join(", ")))
        })?;
        let is_ascending = match asked.order.as_deref() {
            None => by == By::Name,
            Some("asc") => true,
            Some("desc") => false,
            Some(_) => return Err(ApiError::bad_query("order", "`order` is neither asc nor desc")),
        };
        Ok(Self { by, is_ascending })
    }

    /// Puts endpoints in order; those that are equal stay in the order of their names.
    pub(super) fn sort(self, endpoints: &mut Vec<EndpointReport>) {
        let mut keyed: Vec<_> = endpoints.drain(..).map(|found| (self.key(&found), found)).collect();
        keyed.sort_by(|(a, endpoint), (b, other)| {
            let by_key = if self.is_ascending { a.total_cmp(b) } else { b.total_cmp(a) };
            by_key.then_with(|| endpoint.endpoint.cmp(&other.endpoint))
        });
        if self.by == By::Name && !self.is_ascending {
            keyed.reverse();
        }
        endpoints.extend(keyed.into_iter().map(|(_, found)| found));
    }

    fn key(self, found: &EndpointReport) -> f64 {
        let counts = &found.summary.counts;
        let quantile = |q| shown_sketch(counts).quantile(q).map_or(-1.0, |latency| latency.as_secs_f64());
        match self.by {
            By::Name => 0.0,
            By::Hits => counts.hits() as f64,
            By::Errors => counts.outcomes.errors() as f64,
            By::ErrorRate => counts.outcomes.errors() as f64 / counts.hits().max(1) as f64,
            By::P50 => quantile(0.5),
            By::P95 => quantile(0.95),
            By::P99 => quantile(0.99),
            By::Bytes => counts.response_bytes as f64,
            By::Callers => counts.callers.count() as f64,
            By::LastCalled => found.summary.last_at.map_or(f64::MIN, |at| at.as_unix() as f64),
        }
    }

    /// The heads of the columns: each orders by itself, and the one that does so already turns around.
    pub(super) fn columns(self, asked: &Asked, path: &str) -> Vec<Column> {
        let column = |(by, name, label): (By, &str, &'static str)| {
            let is_chosen = by == self.by;
            let turned = if self.is_ascending { "desc" } else { "asc" };
            let href = asked.link(path).with("search", asked.search.as_deref()).with("sort", Some(name));
            Column {
                label,
                href: href.with("order", is_chosen.then_some(turned)),
                sorted: is_chosen.then_some(if self.is_ascending { "ascending" } else { "descending" }),
            }
        };
        COLUMNS.map(column).into()
    }
}

#[cfg(test)]
mod tests {
    use endpoint_stats_core::store::Summary;
    use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};

    use super::*;

    fn endpoint(route: &str, hits: u64, errors: u64) -> EndpointReport {
        let endpoint = Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new(route).unwrap());
        let mut summary = Summary::default();
        summary.counts.outcomes =
            [(Outcome::Status(200), hits - errors), (Outcome::Status(500), errors)].into_iter().collect();
        EndpointReport { endpoint, summary, hits_by_step: Vec::new() }
    }

    fn sorted(sort: &str, order: Option<&str>) -> Vec<String> {
        let mut endpoints = vec![endpoint("/a", 100, 1), endpoint("/b", 10, 5), endpoint("/c", 100, 0)];
        let asked = Asked { sort: Some(sort.to_owned()), order: order.map(str::to_owned), ..Asked::default() };
        Order::of(&asked).unwrap().sort(&mut endpoints);
        endpoints.iter().map(|found| found.endpoint.route().as_str().to_owned()).collect()
    }

    #[test]
    fn the_most_come_first_and_equal_ones_by_name() {
        assert_eq!(sorted("hits", None), ["/a", "/c", "/b"]);
        assert_eq!(sorted("hits", Some("asc")), ["/b", "/a", "/c"]);
        assert_eq!(sorted("error_rate", None), ["/b", "/a", "/c"]);
    }

    #[test]
    fn names_go_both_ways() {
        assert_eq!(sorted("name", None), ["/a", "/b", "/c"]);
        assert_eq!(sorted("name", Some("desc")), ["/c", "/b", "/a"]);
    }

    #[test]
    fn an_unknown_order_is_refused() {
        for (sort, order) in [("colour", None), ("hits", Some("up"))] {
            let asked = Asked { sort: Some(sort.to_owned()), order: order.map(str::to_owned), ..Asked::default() };
            assert_eq!(Order::of(&asked).unwrap_err().code(), "bad_query");
        }
    }

    #[test]
    fn the_column_in_force_turns_around() {
        let columns = Order::of(&Asked::default()).unwrap().columns(&Asked::default(), "./");

        assert_eq!(columns[1].href.to_string(), "./?sort=hits&order=asc");
        assert_eq!((columns[1].sorted, columns[2].sorted), (Some("descending"), None));
    }
}
