//! [`EndpointStatsLayer`]: what a service adds.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::hooks::{Hooks, HooksHandle, Stripes};
use super::{CallerHasher, CallerKey, EndpointStatsService, IdentifyEndpoint, IdentifyFn, RequestHead};
use crate::recorder::Recorder;

/// Counts every request that passes through the wrapped service.
pub struct EndpointStatsLayer<R, I> {
    hooks: Arc<Hooks<R, I>>,
    stripes: Arc<Stripes<R, I>>,
}

impl<R: Recorder, I: IdentifyEndpoint> EndpointStatsLayer<R, I> {
    /// Creates a layer that asks `identify` for the endpoint of each request.
    pub fn new(recorder: R, identify: I) -> Self {
        Self::of(Arc::new(Hooks { recorder, identify: Arc::new(identify), callers: None, consumer: None }))
    }

    /// Counts different callers, as keyed hashes of what `key` finds in a request.
    #[must_use]
    pub fn with_callers(self, key: CallerKey, hasher: Arc<CallerHasher>) -> Self {
        self.with(|hooks| hooks.callers = Some((key, hasher)))
    }

    /// Counts the hits of each consumer that `name` finds in a request, an API key's or a tenant's name.
    ///
    /// Names are kept as they are and shown to those who read the statistics: do not return a secret.
    #[must_use]
    pub fn with_consumers<F>(self, name: F) -> Self
    where
        F: for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        self.with(|hooks| hooks.consumer = Some(Arc::new(name)))
    }

    fn with(self, change: impl FnOnce(&mut Hooks<R, I>)) -> Self {
        let mut hooks = Arc::unwrap_or_clone(self.hooks);
        change(&mut hooks);
        Self::of(Arc::new(hooks))
    }

    fn of(hooks: Arc<Hooks<R, I>>) -> Self {
        Self { stripes: hooks.stripes(), hooks }
    }
}

impl<R, F> EndpointStatsLayer<R, IdentifyFn<F>>
where
    R: Recorder,
    F: for<'a> Fn(&RequestHead<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
{
    /// Creates a layer that finds the route template of each request with a closure.
    ///
    /// See [`IdentifyEndpoint::identify`] for what it may return.
    pub fn from_fn(recorder: R, identify: F) -> Self {
        Self::new(recorder, IdentifyFn(identify))
    }
}

#[cfg(feature = "axum")]
impl<R: Recorder> EndpointStatsLayer<R, super::AxumRoutes> {
    /// Creates a layer for `axum::Router::layer`.
    pub fn for_axum(recorder: R) -> Self {
        Self::new(recorder, super::AxumRoutes)
    }
}

impl<S, R, I> Layer<S> for EndpointStatsLayer<R, I> {
    type Service = EndpointStatsService<S, R, I>;

    fn layer(&self, inner: S) -> Self::Service {
        EndpointStatsService { inner, hooks: HooksHandle::ForAll(Arc::clone(&self.stripes)) }
    }
}

impl<R, I> Clone for EndpointStatsLayer<R, I> {
    fn clone(&self) -> Self {
        Self { hooks: Arc::clone(&self.hooks), stripes: Arc::clone(&self.stripes) }
    }
}

impl<R, I> fmt::Debug for EndpointStatsLayer<R, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointStatsLayer").finish_non_exhaustive()
    }
}
