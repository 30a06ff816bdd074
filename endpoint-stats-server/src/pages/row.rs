//! [`Row`]: one endpoint in the table of the overview.

use endpoint_stats_core::Endpoint;
use endpoint_stats_core::store::EndpointReport;

use super::link::Link;
use super::numbers;
use super::sparkline::sparkline;
use super::steps::Steps;
use super::visit::Visit;
use crate::report::shown_sketch;

/// What a table says of an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: Name,
    pub(super) spark: String,
    pub(super) hits: String,
    pub(super) errors: String,
    pub(super) error_rate: String,
    /// Errors that are more than a share to live with.
    pub(super) is_bad: bool,
    /// p50, p95 and p99.
    pub(super) latency: [String; 3],
    pub(super) bytes: String,
    pub(super) callers: String,
    pub(super) last_called: String,
    pub(super) last_called_at: String,
}

/// An endpoint by its parts, with the way to its page.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) service: String,
    pub(super) method: &'static str,
    pub(super) route: String,
    pub(super) href: Link,
}

impl Name {
    pub(super) fn of(endpoint: &Endpoint, visit: &Visit) -> Self {
        let (service, method, route) =
            (endpoint.service().as_str(), endpoint.method().as_str(), endpoint.route().as_str());
        let href = visit.asked.range_link(visit.place.path_of("endpoint")).with("service", Some(service));
        let href = href.with("method", Some(method)).with("route", Some(route));
        Self { service: service.to_owned(), method, route: route.to_owned(), href }
    }
}

impl Row {
    pub(super) fn of(found: &EndpointReport, visit: &Visit, steps: Steps) -> Self {
        let counts = &found.summary.counts;
        let (hits, errors) = (counts.hits(), counts.outcomes.errors());
        let latency = shown_sketch(counts);
        let callers = counts.callers.count();
        let last = found.summary.last_at;
        Self {
            name: Name::of(&found.endpoint, visit),
            spark: sparkline(&found.hits_by_step, steps),
            hits: numbers::count(hits),
            errors: numbers::count(errors),
            error_rate: numbers::percent(errors, hits),
            is_bad: errors.saturating_mul(100) >= hits.max(1),
            latency: [0.5, 0.95, 0.99].map(|q| numbers::duration(latency.quantile(q))),
            bytes: numbers::bytes(counts.response_bytes),
            callers: if callers == 0 { numbers::NONE.to_owned() } else { numbers::count(callers) },
            last_called: last.map_or_else(|| numbers::NONE.to_owned(), |at| numbers::ago(at, visit.now)),
            last_called_at: last.map_or_else(String::new, numbers::machine_time),
        }
    }
}
