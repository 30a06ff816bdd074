//! [`Recorder`]: what the request path sees of everything behind it.

use crate::endpoint::Method;
use crate::hit::Hit;

/// Takes hits on the request path; never fails, blocks or panics.
///
/// A request is announced with [`begin`](Self::begin) when it arrives, and counted when its [`OpenHit`] ends.
pub trait Recorder: Clone + Send + Sync + 'static {
    /// A request that has begun and not yet ended.
    type OpenHit: OpenHit;

    /// Begins a hit; `None` when requests like this one are not counted.
    fn begin(&self, arrival: Arrival<'_>) -> Option<Self::OpenHit>;
}

/// A request that has begun and not yet ended.
pub trait OpenHit: Clone + Send + 'static {
    /// Counts the hit.
    fn end(self, hit: &Hit);

    /// Adds bytes of the request body to the endpoint.
    fn add_request_bytes(&self, bytes: u64);
}

/// What is known of a request when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The request's method.
    pub method: Method,
    /// The route template that matched, `None` when none did.
    pub route: Option<&'a str>,
    /// The caller's name, if the service gives it one.
    pub consumer: Option<&'a str>,
}
