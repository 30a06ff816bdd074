//! Filters, as a query string gives them.

use endpoint_stats_core::store::EndpointFilter;
use endpoint_stats_core::{Method, Route, ServiceName};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api_error::ApiError;

/// Which endpoints are asked about, as text; what is missing or empty does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FilterText {
    /// Only this service.
    #[param(pattern = "^[a-z0-9._-]{0,64}$")]
    pub service: Option<String>,
    /// Only this method.
    #[param(pattern = "^(|CONNECT|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT|QUERY|TRACE|_OTHER)$")]
    pub method: Option<String>,
    /// Only this route template, written exactly so.
    #[param(max_length = 512)]
    pub route: Option<String>,
}

/// Reads a filter.
///
/// # Errors
///
/// 400 `bad_query` when a part is no name of a service, of a method, or no route template.
pub fn filter(text: &FilterText) -> Result<EndpointFilter, ApiError> {
    Ok(EndpointFilter {
        service: given(text.service.as_deref()).map(service).transpose()?,
        method: given(text.method.as_deref()).map(method).transpose()?,
        route: given(text.route.as_deref()).map(route).transpose()?,
    })
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn service(name: &str) -> Result<ServiceName, ApiError> {
    ServiceName::new(name).map_err(|error| refused("service", &error))
}

fn route(template: &str) -> Result<Route, ApiError> {
    Route::new(template).map_err(|error| refused("route", &error))
}

fn method(name: &str) -> Result<Method, ApiError> {
    Method::ALL.into_iter().find(|method| method.as_str() == name).ok_or_else(|| {
        let names = Method::ALL.map(Method::as_str).join(", ");
        ApiError::bad_query("method", "`method` is not a method").with_hint(format!("take one of {names}"))
    })
}

fn refused(field: &'static str, error: &endpoint_stats_core::InvalidName) -> ApiError {
    ApiError::bad_query(field, format!("`{field}` cannot be taken")).with_hint(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(service: &str, method: &str, route: &str) -> FilterText {
        let [service, method, route] = [service, method, route].map(|part| Some(part.to_owned()));
        FilterText { service, method, route }
    }

    #[test]
    fn what_is_empty_does_not_restrict() {
        assert_eq!(filter(&text("", "", "")).unwrap(), EndpointFilter::default());
        assert_eq!(filter(&FilterText::default()).unwrap(), EndpointFilter::default());
    }

    #[test]
    fn a_method_is_written_as_in_http() {
        assert_eq!(filter(&text("", "GET", "")).unwrap().method, Some(Method::Get));
        assert_eq!(filter(&text("", "_OTHER", "")).unwrap().method, Some(Method::Other));
        assert_eq!(filter(&text("", "get", "")).unwrap_err().code(), "bad_query");
    }

    #[test]
    fn what_no_endpoint_can_have_is_refused() {
        assert_eq!(filter(&text("My Shop", "", "")).unwrap_err().code(), "bad_query");
        assert_eq!(filter(&text("", "", "/a\0b")).unwrap_err().code(), "bad_query");
        assert_eq!(filter(&text("", "", &"a".repeat(513))).unwrap_err().code(), "bad_query");
    }
}
