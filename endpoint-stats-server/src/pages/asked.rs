//! [`Asked`]: what a page is asked for, and the links that ask for something else.

use axum::extract::Query;
use axum::http::Uri;
use endpoint_stats_core::store::EndpointFilter;
use endpoint_stats_core::window::{TimeRange, Timestamp};
use endpoint_stats_core::{Method, Route, ServiceName};
use serde::Deserialize;

use super::link::Link;
use crate::api_error::ApiError;
use crate::reading::{self, RangeText};

/// What the query string of any page may say; what a page does not use is carried on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) service: Option<String>,
    pub(super) method: Option<String>,
    pub(super) route: Option<String>,
    /// A part of a route's text.
    pub(super) search: Option<String>,
    pub(super) sort: Option<String>,
    pub(super) order: Option<String>,
    pub(super) page: Option<String>,
    /// Since when an endpoint was not called.
    pub(super) since: Option<String>,
}

impl Asked {
    /// Reads a query string; what a form left empty was not said.
    pub(super) fn of(uri: &Uri) -> Result<Self, ApiError> {
        let Query(mut asked) = Query::<Self>::try_from_uri(uri).map_err(|_| {
            ApiError::bad_query("query", "the address cannot be read").with_hint("give each parameter once, as UTF-8")
        })?;
        for field in [&mut asked.from, &mut asked.to, &mut asked.since] {
            *field = field.take().map(|text| whole_time(text.trim()));
        }
        let all = [&mut asked.from, &mut asked.to, &mut asked.service, &mut asked.method, &mut asked.route];
        let rest = [&mut asked.search, &mut asked.sort, &mut asked.order, &mut asked.page, &mut asked.since];
        for field in all.into_iter().chain(rest) {
            *field = field.take().filter(|text| !text.is_empty());
        }
        Ok(asked)
    }

    pub(super) fn range(&self, now: Timestamp) -> Result<TimeRange, ApiError> {
        reading::range(&RangeText { from: self.from.clone(), to: self.to.clone() }, now)
    }

    /// The service alone, which every page keeps to.
    pub(super) fn service_filter(&self) -> Result<EndpointFilter, ApiError> {
        let service = self.service.as_deref().map(ServiceName::new).transpose();
        Ok(EndpointFilter { service: service.map_err(|error| wrong("service", &error))?, ..EndpointFilter::default() })
    }

    /// One endpoint, all three parts of it.
    pub(super) fn endpoint_filter(&self) -> Result<EndpointFilter, ApiError> {
        let missing = |field| {
            ApiError::bad_query(field, format!("`{field}` is missing")).with_hint("follow a link of the overview")
        };
        let method = self.method.as_deref().ok_or_else(|| missing("method"))?;
        let method = Method::ALL.into_iter().find(|known| known.as_str() == method).ok_or_else(|| {
            ApiError::bad_query("method", "`method` is not a method")
                .with_hint("write GET, or _OTHER for one outside of the standards")
        })?;
        let route = Route::new(self.route.as_deref().ok_or_else(|| missing("route"))?);
        let filter = self.service_filter()?;
        if filter.service.is_none() {
            return Err(missing("service"));
        }
        Ok(EndpointFilter {
            method: Some(method),
            route: Some(route.map_err(|error| wrong("route", &error))?),
            ..filter
        })
    }

    /// A link that keeps the range and the service.
    pub(super) fn link(&self, path: impl Into<String>) -> Link {
        self.range_link(path).with("service", self.service.as_deref())
    }

    /// A link that keeps the range.
    pub(super) fn range_link(&self, path: impl Into<String>) -> Link {
        Link::to(path).with("from", self.from.as_deref()).with("to", self.to.as_deref())
    }

    /// A link that keeps the range and the endpoint.
    pub(super) fn endpoint_link(&self, path: impl Into<String>) -> Link {
        self.link(path).with("method", self.method.as_deref()).with("route", self.route.as_deref())
    }
}

/// An input field for a time leaves seconds and zone out.
fn whole_time(text: &str) -> String {
    let is_field = text.len() == 16 && text.as_bytes().get(10) == Some(&b'T');
    if is_field { format!("{text}:00Z") } else { text.to_owned() }
}

fn wrong(field: &'static str, error: &endpoint_stats_core::InvalidName) -> ApiError {
    ApiError::bad_query(field, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked, ApiError> {
        Asked::of(&format!("/?{query}").parse().unwrap())
    }

    #[test]
    fn a_field_that_a_form_left_empty_was_not_said() {
        let asked = asked("from=&service=&search=pay").unwrap();

        assert_eq!(asked, Asked { search: Some("pay".to_owned()), ..Asked::default() });
    }

    #[test]
    fn the_time_of_an_input_field_is_one_of_utc() {
        assert_eq!(asked("from=2026-11-23T08:20").unwrap().from.as_deref(), Some("2026-11-23T08:20:00Z"));
        assert_eq!(asked("from=2026-11-23").unwrap().from.as_deref(), Some("2026-11-23"));
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert_eq!(asked("from=-1h&from=-2h").unwrap_err().code(), "bad_query");
    }

    #[test]
    fn an_endpoint_needs_its_three_parts() {
        for query in
            ["", "service=shop&method=GET", "service=Shop&method=GET&route=/", "service=shop&method=get&route=/"]
        {
            assert_eq!(asked(query).unwrap().endpoint_filter().unwrap_err().code(), "bad_query");
        }
        assert!(asked("service=shop&method=GET&route=/").unwrap().endpoint_filter().is_ok());
    }
}
