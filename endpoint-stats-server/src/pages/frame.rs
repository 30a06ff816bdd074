//! [`Frame`]: what stands around every page.

use std::collections::BTreeSet;

use endpoint_stats_core::Route;
use endpoint_stats_core::store::EndpointStatus;
use endpoint_stats_core::window::TimeRange;

use super::asked::Asked;
use super::assets;
use super::link::Link;
use super::place::Place;

/// Heading, ways to the other pages, and what is to be known on all of them.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) place: Place,
    pub(super) title: String,
    pub(super) ways: Vec<Way>,
    /// Services that have counted endpoints together, past their limit, in the range.
    pub(super) overflowing: Vec<String>,
}

/// A way to another page.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) href: Link,
    pub(super) is_here: bool,
}

const PAGES: [(&str, &str); 4] = [("Live", "live"), ("Unused", "unused"), ("Books", "books"), ("Overview", "")];

impl Frame {
    /// The frame of a page; the ways keep the range and the service that were asked for.
    pub(super) fn new(place: Place, title: impl Into<String>, here: &str, asked: &Asked) -> Self {
        let mut ways: Vec<_> = PAGES
            .iter()
            .map(|(name, page)| {
                let path = if page.is_empty() { place.home.clone() } else { format!("{}{page}", place.base) };
                Way { name, href: asked.link(path), is_here: *name == here }
            })
            .collect();
        ways.rotate_right(1);
        Self { place, title: title.into(), ways, overflowing: Vec::new() }
    }

    /// The frame of a page that keeps nothing.
    pub(super) fn bare(place: Place, title: impl Into<String>) -> Self {
        Self::new(place, title, "", &Asked::default())
    }

    /// Finds the services that were past their limit of endpoints within a range.
    #[must_use]
    pub(super) fn with_overflow(mut self, known: &[EndpointStatus], range: TimeRange) -> Self {
        let is_in_range = |status: &EndpointStatus| {
            status.last_called.is_some_and(|last| last >= range.from)
                && status.first_seen.is_none_or(|first| first < range.to)
        };
        let overflow = Route::overflow();
        let overflowing = known.iter().filter(|status| *status.endpoint.route() == overflow && is_in_range(status));
        let services: BTreeSet<_> = overflowing.map(|status| status.endpoint.service().as_str()).collect();
        self.overflowing = services.into_iter().map(str::to_owned).collect();
        self
    }

    pub(super) fn style(&self) -> String {
        format!("{}{}", self.place.base, assets::STYLE.path)
    }

    pub(super) fn script(&self) -> String {
        format!("{}{}", self.place.base, assets::SCRIPT.path)
    }

    pub(super) fn icon(&self) -> String {
        format!("{}{}", self.place.base, assets::ICON.path)
    }
}

#[cfg(test)]
mod tests {
    use endpoint_stats_core::window::Timestamp;
    use endpoint_stats_core::{Endpoint, Method, ServiceName};

    use super::*;

    fn status(service: &str, route: Route, at: i64) -> EndpointStatus {
        let endpoint = Endpoint::new(ServiceName::new(service).unwrap(), Method::Get, route);
        let at = Some(Timestamp::from_unix(at));
        EndpointStatus { endpoint, hits: 1, registered_at: None, first_seen: at, last_called: at }
    }

    #[test]
    fn only_services_past_their_limit_in_the_range_are_named() {
        let known = [
            status("before", Route::overflow(), 50),
            status("shop", Route::overflow(), 150),
            status("shop", Route::overflow(), 160),
            status("well", Route::unmatched(), 150),
            status("after", Route::overflow(), 250),
        ];
        let range = TimeRange::new(Timestamp::from_unix(100), Timestamp::from_unix(200));

        let frame = Frame::bare(Place::default(), "Overview").with_overflow(&known, range);

        assert_eq!(frame.overflowing, ["shop"]);
    }
}
