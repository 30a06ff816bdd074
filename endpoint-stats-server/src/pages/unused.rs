//! The endpoints that nobody calls.

use askama::Template;
use endpoint_stats_core::store::EndpointStatus;
use endpoint_stats_core::window::{TimeRange, Timestamp, Width, Window};

use super::asked::Asked;
use super::frame::Frame;
use super::link::Link;
use super::numbers;
use super::page::Page;
use super::row::Name;
use super::visit::Visit;
use crate::api_error::ApiError;
use crate::settings;

const MONTH_SECS: i64 = 30 * 86_400;

#[derive(Template)]
#[template(path = "unused.html")]
pub(super) struct UnusedPage {
    frame: Frame,
    asked: Asked,
    /// The day, as its field takes it.
    since_field: String,
    since: String,
    never: Vec<Endpoint>,
    not_since: Vec<Endpoint>,
    json: Link,
}

struct Endpoint {
    name: Name,
    at: String,
    at_machine: String,
    hits: String,
}

impl Page for UnusedPage {
    async fn of(visit: &Visit) -> Result<Self, ApiError> {
        let (asked, now) = (&visit.asked, visit.now);
        let (since, filter) = (since(asked, now)?, asked.service_filter()?);
        let known = visit.endpoints().await?;
        let frame = visit.frame("Unused", "Unused").with_overflow(&known, TimeRange::new(since, now.plus_secs(1)));
        let of_service: Vec<_> = known.into_iter().filter(|status| filter.matches(&status.endpoint)).collect();
        let row = |status: &&EndpointStatus| Endpoint::of(status, visit);
        let is_old = |status: &&EndpointStatus| status.last_called.is_some_and(|last| last < since);
        let never = of_service.iter().filter(|status| status.last_called.is_none());
        let mut not_since: Vec<_> = of_service.iter().filter(is_old).collect();
        not_since.sort_by_key(|status| status.last_called);
        Ok(Self {
            frame,
            since_field: numbers::field_time(since)[..10].to_owned(),
            since: numbers::time(since),
            never: never.map(|status| row(&status)).collect(),
            not_since: not_since.iter().map(row).collect(),
            json: visit.json("unused").with("service", asked.service.as_deref()).with("since", asked.since.as_deref()),
            asked: asked.clone(),
        })
    }
}

impl Endpoint {
    fn of(status: &EndpointStatus, visit: &Visit) -> Self {
        let at = status.last_called.or(status.registered_at);
        Self {
            name: Name::of(&status.endpoint, visit),
            at: at.map_or_else(
                || numbers::NONE.to_owned(),
                |at| format!("{}, {}", numbers::time(at), numbers::ago(at, visit.now)),
            ),
            at_machine: at.map_or_else(String::new, numbers::machine_time),
            hits: numbers::count(status.hits),
        }
    }
}

fn since(asked: &Asked, now: Timestamp) -> Result<Timestamp, ApiError> {
    let Some(text) = asked.since.as_deref() else {
        return Ok(Window::containing(now.minus_secs(MONTH_SECS), Width::Day).start());
    };
    settings::time("since", text, now).map_err(|_| {
        ApiError::bad_query("since", "`since` is not a time").with_hint("write 2026-05-17, or -30d for 30 days ago")
    })
}
