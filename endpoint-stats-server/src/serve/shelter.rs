//! [`Shelter`]: what stands between a request and the work it asks for.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use tokio::time::{Instant, timeout_at};

use super::limits::RequestLimits;
use super::timed_body::TimedBody;
use super::turn::{Turn, TurnClock, Turns};
use crate::api_error::ApiError;
use crate::exposition::catalog::SHED;

/// The code of a request that found no turn.
pub(super) const OVERLOADED: &str = "overloaded";

/// Between two lines about the same trouble.
const QUIET_SECS: u64 = 10;

/// What stands between a request and the work it asks for: a turn, a size and a time.
#[derive(Debug)]
pub(super) struct Shelter {
    limits: RequestLimits,
    turns: Arc<Turns>,
    started: Instant,
    /// Seconds after the start.
    silent_until: AtomicU64,
}

/// How long a request waited for its client; in the extensions of its response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited(pub(super) Duration);

impl Shelter {
    pub(super) fn new(limits: RequestLimits) -> Arc<Self> {
        let turns = Turns::new(limits.max_at_once);
        Arc::new(Self { limits, turns, started: Instant::now(), silent_until: AtomicU64::new(0) })
    }

    async fn run(&self, turn: Turn, mut request: Request, next: Next) -> Response {
        self.limits.body().apply(&mut request);
        let clock = turn.clock();
        let request = request.map(|body| {
            if body.is_end_stream() { body } else { Body::new(TimedBody::new(body, clock.clone(), &self.limits)) }
        });
        let Some(mut response) = within(self.limits.answer, &clock, next.run(request)).await else {
            return too_long(self.limits.answer);
        };
        if clock.has_given_up() {
            response = given_up(response);
        }
        response.extensions_mut().insert(Waited(clock.waited()));
        response
    }

    fn refuse(&self) -> Response {
        SHED.counter([]).increment(1);
        let now = self.started.elapsed().as_secs();
        let is_time = |until| (now >= until).then_some(now + QUIET_SECS);
        if self.silent_until.fetch_update(Ordering::AcqRel, Ordering::Acquire, is_time).is_ok() {
            tracing::warn!(at_once = self.limits.max_at_once, "overloaded: requests are turned away");
        }
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, OVERLOADED, "the server has as many requests as it can bear")
            .with_hint("send the same request again")
            .with_retry_after(Duration::from_secs(1))
            .into_response()
    }
}

/// Works on a request if there is a turn for it, and turns it away at once if there is none.
pub(super) async fn shelter(State(shelter): State<Arc<Shelter>>, request: Request, next: Next) -> Response {
    match shelter.turns.take() {
        Some(turn) => shelter.run(turn, request, next).await,
        None => shelter.refuse(),
    }
}

/// The work's result, unless the work takes longer than `limit` beside waiting for the client.
async fn within<F: Future>(limit: Duration, clock: &TurnClock, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let started = Instant::now();
    let mut deadline = started + limit;
    loop {
        if let Ok(output) = timeout_at(deadline, &mut work).await {
            return Some(output);
        }
        deadline = started + limit + clock.waited();
        if deadline <= Instant::now() {
            return None;
        }
    }
}

fn too_long(limit: Duration) -> Response {
    let message = format!("no answer was ready within {} s", limit.as_secs_f64());
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", message)
        .with_hint("send the same request again, or ask for less")
        .with_retry_after(Duration::from_secs(1))
        .into_response()
}

/// The answer to a body that stayed away, in the handler's words if it has any; nothing can follow that body.
fn given_up(response: Response) -> Response {
    let is_told = response.status().is_success() || response.extensions().get::<ApiError>().is_some();
    let mut response = if is_told {
        response
    } else {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body came too slowly")
            .with_hint("send the whole body without long pauses")
            .into_response()
    };
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
