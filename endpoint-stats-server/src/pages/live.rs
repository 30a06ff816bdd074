//! The last seconds, as they happen.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use endpoint_stats_core::store::live::{LiveEndpoint, LiveFeed, SECONDS, Scope};
use endpoint_stats_core::window::TimeRange;
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, MissedTickBehavior, interval};

use super::frame::Frame;
use super::link::Link;
use super::numbers;
use super::page::Page;
use super::row::Name;
use super::visit::Visit;
use crate::access;
use crate::api_error::ApiError;

const MOST_ROWS: usize = 50;

/// More than that watch at once are sent away.
const MOST_WATCHERS: usize = 64;

/// A stream ends by then, and the browser asks for the next one: no server that drains waits longer for it.
const STREAM_LASTS: Duration = Duration::from_mins(1);

/// The height of a second's bar that holds the most hits.
const BAR_HEIGHT: u64 = 60;

#[derive(Template)]
#[template(path = "live.html")]
pub(crate) struct LivePage {
    frame: Frame,
    now: Now,
    events: Link,
    json: Link,
}

/// What is shown anew each second.
#[derive(Template)]
#[template(path = "live_now.html")]
struct Now {
    is_fed: bool,
    whose: String,
    hits: String,
    a_second: String,
    errors: String,
    error_rate: String,
    /// The hits of each second, and the height of its bar.
    seconds: Vec<(String, u64)>,
    endpoints: Vec<Endpoint>,
    /// Endpoints that are not shown.
    more: usize,
}

struct Endpoint {
    name: Name,
    hits: String,
    errors: String,
    has_errors: bool,
}

/// The places of those who watch; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Watchers(Arc<Semaphore>);

impl Default for Watchers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_WATCHERS)))
    }
}

impl Watchers {
    fn seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// Sends what is shown, once a second, until whoever watches goes away, the server drains or a minute is over.
pub(super) async fn events(visit: Result<Visit, ApiError>) -> Result<Response, ApiError> {
    let visit = visit?;
    visit.principal.need(access::Scope::Read)?;
    let seat = visit.pages.watchers.seat().ok_or_else(|| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", "too many watch the live page")
            .with_hint("ask `/live` instead, or come again")
            .with_retry_after(Duration::from_secs(5))
    })?;
    let mut response = Sse::new(every_second(visit, seat)).into_response();
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn every_second(visit: Visit, seat: OwnedSemaphorePermit) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = Instant::now() + STREAM_LASTS;
    stream::unfold((visit, seat, ticks, end), async |(visit, seat, mut ticks, end)| {
        if ticks.tick().await > end {
            return None;
        }
        let html = Now::of(&visit).render().ok()?;
        Some((Ok(Event::default().data(html)), (visit, seat, ticks, end)))
    })
}

impl Page for LivePage {
    async fn of(visit: &Visit) -> Result<Self, ApiError> {
        let known = visit.endpoints().await?;
        let last_minute = TimeRange::new(visit.now.minus_secs(60), visit.now.plus_secs(1));
        Ok(Self {
            frame: visit.frame("Live", "Live").with_overflow(&known, last_minute),
            events: visit.asked.link(visit.place.path_of("live/events")),
            json: visit.json("live"),
            now: Now::of(visit),
        })
    }
}

impl Now {
    /// What is shown now, of the services that may be seen and were asked for.
    fn of(visit: &Visit) -> Self {
        let view = visit.pages.live.as_ref().map(LiveFeed::view);
        let is_fed = view.is_some();
        let whose = match view.as_ref().map(|view| view.scope) {
            Some(Scope::Fleet { processes }) => format!("of {processes} processes"),
            _ => "of this process".to_owned(),
        };
        let (mut endpoints, mut by_second) =
            view.map_or_else(Default::default, |view| (view.endpoints, view.hits_by_second));
        let asked_service = visit.asked.service.as_deref();
        let is_restricted = visit.principal.services().is_some() || asked_service.is_some();
        endpoints.retain(|live| {
            let service = live.endpoint.service();
            visit.principal.covers(service) && asked_service.is_none_or(|asked| asked == service.as_str())
        });
        endpoints.sort_by_key(|live| Reverse(live.hits));
        if is_restricted {
            // The feed tells its seconds only for all services together.
            by_second = [0; SECONDS];
        }
        let hits = endpoints.iter().fold(0_u64, |sum, live| sum.saturating_add(live.hits));
        let errors = endpoints.iter().fold(0_u64, |sum, live| sum.saturating_add(live.errors));
        let most = by_second.iter().copied().max().unwrap_or(0).max(1);
        let bar = |hits: u64| (numbers::count(hits), hits.saturating_mul(BAR_HEIGHT).div_ceil(most));
        Self {
            is_fed,
            whose,
            hits: numbers::short_count(hits),
            a_second: format!("{:.1}", hits as f64 / SECONDS as f64),
            errors: numbers::short_count(errors),
            error_rate: numbers::percent(errors, hits),
            seconds: if is_restricted { Vec::new() } else { by_second.map(bar).into() },
            more: endpoints.len().saturating_sub(MOST_ROWS),
            endpoints: endpoints.iter().take(MOST_ROWS).map(|live| Endpoint::of(live, visit)).collect(),
        }
    }
}

impl Endpoint {
    fn of(live: &LiveEndpoint, visit: &Visit) -> Self {
        Self {
            name: Name::of(&live.endpoint, visit),
            hits: numbers::count(live.hits),
            errors: numbers::count(live.errors),
            has_errors: live.errors > 0,
        }
    }
}
