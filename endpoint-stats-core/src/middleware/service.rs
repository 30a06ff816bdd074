//! [`EndpointStatsService`]: a service with its requests counted.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::guard::HitGuard;
use super::hooks::{Hooks, HooksHandle, hook};
use super::{IdentifyEndpoint, MeterBody, RequestHead, ResponseBody, ResponseFuture};
use crate::clock::Moment;
use crate::endpoint::Method;
use crate::recorder::{Arrival, Recorder};

/// A service with its requests counted, made by [`EndpointStatsLayer`](super::EndpointStatsLayer).
pub struct EndpointStatsService<S, R, I> {
    pub(super) inner: S,
    pub(super) hooks: HooksHandle<R, I>,
}

impl<S, R, I, B, ResB> Service<Request<B>> for EndpointStatsService<S, R, I>
where
    S: Service<Request<B::Metered<R::OpenHit>>, Response = Response<ResB>>,
    R: Recorder,
    I: IdentifyEndpoint,
    B: MeterBody,
    ResB: Body,
{
    type Response = Response<ResponseBody<ResB, R::OpenHit>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R::OpenHit>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = Method::from(request.method());
        let guard = self.hooks.guard(&request, method);
        let request = B::meter(request, guard.open());
        ResponseFuture::new(self.inner.call(request), guard, method)
    }
}

impl<R: Recorder, I: IdentifyEndpoint> Hooks<R, I> {
    #[inline]
    fn guard<B>(&self, request: &Request<B>, method: Method) -> HitGuard<R::OpenHit> {
        let arrived_at = Moment::now();
        let head = RequestHead::of(request);
        let route = self.identify.identify(&head);
        let consumer = self.consumer.as_ref().and_then(|consumer| hook(|| consumer(&head)));
        let arrival = Arrival { method, route: route.as_deref(), consumer: consumer.as_deref() };
        let open = self.recorder.begin(arrival);
        let caller = self.callers.as_ref().and_then(|(key, hasher)| key.hash(&head, hasher, arrived_at));
        HitGuard::new(open, arrived_at, caller)
    }
}

impl<S: Clone, R, I> Clone for EndpointStatsService<S, R, I> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), hooks: self.hooks.clone() }
    }
}

impl<S: fmt::Debug, R, I> fmt::Debug for EndpointStatsService<S, R, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointStatsService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
