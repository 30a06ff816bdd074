//! [`HitGuard`]: the one place that ends a hit.

use std::time::Duration;

use http::StatusCode;

use crate::clock::Moment;
use crate::endpoint::Method;
use crate::hit::{Hit, Outcome};
use crate::recorder::OpenHit;
use crate::sketch::CallerHash;

/// Makes sure a request is counted exactly once, however it ends.
///
/// A guard dropped without [`finish`](Self::finish) counts [`Outcome::Aborted`], or [`Outcome::Panicked`] when the
/// thread is unwinding.
#[derive(Debug)]
pub(super) struct HitGuard<O: OpenHit> {
    // `None` once the hit has been counted.
    open: Option<O>,
    method: Method,
    arrived_at: Moment,
    latency: Option<Duration>,
    response_bytes: u64,
    caller: Option<CallerHash>,
}

/// Counts the hit of a step that panics.
struct Unwinding<'a, O: OpenHit>(&'a mut Option<HitGuard<O>>);

/// Takes a step of a request; when it panics, the hit is counted at once.
///
/// Who catches the panic further out may drop the request later, when nothing tells any more how it ended.
#[inline]
pub(super) fn step<O: OpenHit, T>(guard: &mut Option<HitGuard<O>>, step: impl FnOnce() -> T) -> T {
    let unwinding = Unwinding(guard);
    let done = step();
    std::mem::forget(unwinding);
    done
}

impl<O: OpenHit> Drop for Unwinding<'_, O> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

impl<O: OpenHit> HitGuard<O> {
    pub(super) fn new(open: O, method: Method, arrived_at: Moment, caller: Option<CallerHash>) -> Self {
        Self { open: Some(open), method, arrived_at, latency: None, response_bytes: 0, caller }
    }

    pub(super) fn open(&self) -> Option<&O> {
        self.open.as_ref()
    }

    /// Notes that the response head is there.
    pub(super) fn head_sent(&mut self) {
        self.latency = Some(Moment::now().since(self.arrived_at));
    }

    /// Whether a response with this status has no body on the wire, whatever body the service returned.
    pub(super) fn has_no_body(&self, status: StatusCode) -> bool {
        self.method == Method::Head
            || (self.method == Method::Connect && status.is_success())
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
    }

    pub(super) fn add_response_bytes(&mut self, bytes: usize) {
        self.response_bytes = self.response_bytes.saturating_add(bytes as u64);
    }

    pub(super) fn response_bytes(&self) -> u64 {
        self.response_bytes
    }

    /// Counts the hit.
    pub(super) fn finish(mut self, outcome: Outcome) {
        let duration = Moment::now().since(self.arrived_at);
        self.count(outcome, duration);
    }

    /// Counts the hit as ended with its response head.
    pub(super) fn finish_at_head(mut self, outcome: Outcome) {
        let duration = self.latency.unwrap_or_default();
        self.count(outcome, duration);
    }

    fn count(&mut self, outcome: Outcome, duration: Duration) {
        if let Some(open) = self.open.take() {
            open.end(&Hit {
                outcome,
                latency: self.latency,
                duration: Some(duration),
                response_bytes: self.response_bytes,
                caller: self.caller,
            });
        }
    }
}

impl<O: OpenHit> Drop for HitGuard<O> {
    fn drop(&mut self) {
        if self.open.is_some() {
            let outcome = if std::thread::panicking() { Outcome::Panicked } else { Outcome::Aborted };
            self.count(outcome, Moment::now().since(self.arrived_at));
        }
    }
}
