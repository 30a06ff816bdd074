//! [`HitGuard`]: the one place that ends a hit.

use crate::clock::Moment;
use crate::hit::{Hit, Outcome};
use crate::nanos::Nanos;
use crate::recorder::OpenHit;
use crate::sketch::CallerHash;

/// Makes sure a request is counted exactly once, however it ends.
///
/// A guard dropped without [`finish`](Self::finish) counts [`Outcome::Aborted`], or [`Outcome::Panicked`] when the
/// thread is unwinding. It is small and moves rarely: a request carries it from its arrival to its last byte.
#[derive(Debug)]
pub(super) struct HitGuard<O: OpenHit> {
    // `None` when the request is not counted, or has been.
    open: Option<O>,
    arrived_at: Moment,
    // `NO_HEAD` until there is a response head.
    latency: Nanos,
    response_bytes: u64,
    caller: Option<CallerHash>,
}

const NO_HEAD: Nanos = Nanos::new(u64::MAX);

/// Counts the hit of a step that panics.
struct Unwinding<'a, O: OpenHit>(&'a mut HitGuard<O>);

/// Takes a step of a request; when it panics, the hit is counted at once.
///
/// Who catches the panic further out may drop the request later, when nothing tells any more how it ended.
#[inline]
pub(super) fn step<O: OpenHit, T>(guard: &mut HitGuard<O>, step: impl FnOnce() -> T) -> T {
    let unwinding = Unwinding(guard);
    let done = step();
    std::mem::forget(unwinding);
    done
}

impl<O: OpenHit> Drop for Unwinding<'_, O> {
    fn drop(&mut self) {
        self.0.finish(Outcome::Panicked);
    }
}

impl<O: OpenHit> HitGuard<O> {
    /// Guards a request; `None` counts nothing.
    #[inline]
    pub(super) fn new(open: Option<O>, arrived_at: Moment, caller: Option<CallerHash>) -> Self {
        Self { open, arrived_at, latency: NO_HEAD, response_bytes: 0, caller }
    }

    /// The hit, while it is to be counted.
    #[inline]
    pub(super) fn open(&self) -> Option<&O> {
        self.open.as_ref()
    }

    /// Hands the request on to another guard, and leaves one that counts nothing.
    #[inline]
    pub(super) fn take(&mut self) -> Self {
        Self { open: self.open.take(), ..*self }
    }

    /// Notes that the response head is there.
    #[inline]
    pub(super) fn head_sent(&mut self) {
        self.latency = self.elapsed();
    }

    #[inline]
    pub(super) fn add_response_bytes(&mut self, bytes: usize) {
        self.response_bytes = self.response_bytes.saturating_add(bytes as u64);
    }

    pub(super) fn response_bytes(&self) -> u64 {
        self.response_bytes
    }

    /// Counts the hit.
    #[inline]
    pub(super) fn finish(&mut self, outcome: Outcome) {
        if let Some(open) = self.open.take() {
            self.count(open, outcome, self.elapsed());
        }
    }

    /// Counts the hit as ended with its response head.
    pub(super) fn finish_at_head(&mut self, outcome: Outcome) {
        if let Some(open) = self.open.take() {
            self.count(open, outcome, self.latency);
        }
    }

    #[inline]
    fn count(&self, open: O, outcome: Outcome, duration: Nanos) {
        open.end(&Hit {
            outcome,
            latency: (self.latency != NO_HEAD).then_some(self.latency),
            duration: Some(duration),
            response_bytes: self.response_bytes,
            caller: self.caller,
        });
    }

    #[inline]
    fn elapsed(&self) -> Nanos {
        Moment::now().nanos_since(self.arrived_at)
    }
}

impl<O: OpenHit> Drop for HitGuard<O> {
    #[inline]
    fn drop(&mut self) {
        if self.open.is_some() {
            self.finish(if std::thread::panicking() { Outcome::Panicked } else { Outcome::Aborted });
        }
    }
}
