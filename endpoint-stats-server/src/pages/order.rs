//! [`Order`]: in which order the table of endpoints is shown.

use clap::ValueEnum;
use endpoint_stats_core::store::EndpointReport;

use super::asked::Asked;
use super::link::Link;
use crate::api_error::ApiError;
use crate::report::{self, Direction, SortBy};

/// What a table is ordered by, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    by: SortBy,
    direction: Direction,
}

/// The head of a column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) label: &'static str,
    pub(super) href: Link,
    /// What `aria-sort` says of it.
    pub(super) sorted: Option<&'static str>,
}

/// What stands above each column.
const COLUMNS: [(SortBy, &str); 10] = [
    (SortBy::Name, "Endpoint"),
    (SortBy::Hits, "Hits"),
    (SortBy::Errors, "Errors"),
    (SortBy::ErrorRate, "Error rate"),
    (SortBy::P50, "p50"),
    (SortBy::P95, "p95"),
    (SortBy::P99, "p99"),
    (SortBy::Bytes, "Bytes out"),
    (SortBy::Callers, "Callers"),
    (SortBy::LastCalled, "Last called"),
];

impl Order {
    pub(super) fn of(asked: &Asked) -> Result<Self, ApiError> {
        let name = asked.sort.as_deref().unwrap_or("hits");
        let by = COLUMNS.into_iter().map(|(by, _)| by).find(|by| named(*by) == name).ok_or_else(|| {
            let known = COLUMNS.map(|(by, _)| named(by)).join(", ");
            ApiError::bad_query("sort", "`sort` is not a column").with_hint(format!("one of {known}"))
        })?;
        let direction = match asked.order.as_deref() {
            None => by.natural_direction(),
            Some("asc") => Direction::Asc,
            Some("desc") => Direction::Desc,
            Some(_) => return Err(ApiError::bad_query("order", "`order` is neither asc nor desc")),
        };
        Ok(Self { by, direction })
    }

    /// Puts endpoints in order; those that are equal stay in the order of their names.
    pub(super) fn sort(self, endpoints: Vec<EndpointReport>) -> Vec<EndpointReport> {
        report::Order::new(self.by, Some(self.direction)).sort(endpoints)
    }

    /// The heads of the columns: each orders by itself, and the one that does so already turns around.
    pub(super) fn columns(self, asked: &Asked, path: &str) -> Vec<Column> {
        let (turned, sorted) = match self.direction {
            Direction::Asc => ("desc", "ascending"),
            Direction::Desc => ("asc", "descending"),
        };
        let column = |(by, label): (SortBy, &'static str)| {
            let is_chosen = by == self.by;
            let href = asked.link(path).with("search", asked.search.as_deref()).with("sort", Some(&named(by)));
            Column { label, href: href.with("order", is_chosen.then_some(turned)), sorted: is_chosen.then_some(sorted) }
        };
        COLUMNS.map(column).into()
    }
}

/// What a query string calls it.
fn named(by: SortBy) -> String {
    by.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
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
        let endpoints = vec![endpoint("/a", 100, 1), endpoint("/b", 10, 5), endpoint("/c", 100, 0)];
        let asked = Asked { sort: Some(sort.to_owned()), order: order.map(str::to_owned), ..Asked::default() };
        Order::of(&asked)
            .unwrap()
            .sort(endpoints)
            .iter()
            .map(|found| found.endpoint.route().as_str().to_owned())
            .collect()
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
