//! [`UnusedEndpoint`]: an endpoint that nobody calls.

use endpoint_stats_core::store::EndpointStatus;
use endpoint_stats_core::window::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;
use super::csv::Table;
use super::measured::time_cell;

/// An endpoint that was registered and never called, or not for a while.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnusedEndpoint {
    /// The service that has the endpoint.
    pub service: String,
    /// Its method.
    pub method: String,
    /// Its route template.
    pub route: String,
    /// When the service first said that it has the endpoint.
    pub registered_at: Option<Time>,
    /// The last hit; `null` when it was never called.
    pub last_called: Option<Time>,
}

/// Whether an endpoint was registered and never called, or was last called before `since`.
pub fn is_unused(status: &EndpointStatus, since: Option<Timestamp>) -> bool {
    match status.last_called {
        None => status.registered_at.is_some(),
        Some(at) => since.is_some_and(|since| at < since),
    }
}

impl From<&EndpointStatus> for UnusedEndpoint {
    fn from(status: &EndpointStatus) -> Self {
        Self {
            service: status.endpoint.service().to_string(),
            method: status.endpoint.method().to_string(),
            route: status.endpoint.route().to_string(),
            registered_at: status.registered_at.map(Time::from),
            last_called: status.last_called.map(Time::from),
        }
    }
}

impl Table for [UnusedEndpoint] {
    fn columns(&self) -> Vec<&'static str> {
        vec!["service", "method", "route", "registered_at", "last_called"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let cells = |found: &UnusedEndpoint| {
            let times = [&found.registered_at, &found.last_called].map(|at| time_cell(at.as_ref()));
            [found.service.clone(), found.method.clone(), found.route.clone()].into_iter().chain(times).collect()
        };
        self.iter().map(cells).collect()
    }
}
