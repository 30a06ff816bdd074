//! [`ResponseFuture`]: waits for the response head.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::ResponseBody;
use super::guard::{self, HitGuard};
use crate::endpoint::Method;
use crate::hit::Outcome;
use crate::recorder::OpenHit;

pin_project! {
    /// The future of an [`EndpointStatsService`](super::EndpointStatsService).
    pub struct ResponseFuture<F, O>
    where
        O: OpenHit,
    {
        #[pin]
        inner: F,
        // Counts nothing once the request has moved into the body.
        guard: HitGuard<O>,
        method: Method,
    }
}

impl<F, O: OpenHit> ResponseFuture<F, O> {
    #[inline]
    pub(super) fn new(inner: F, guard: HitGuard<O>, method: Method) -> Self {
        Self { inner, guard, method }
    }
}

impl<F, O, B, E> Future for ResponseFuture<F, O>
where
    F: Future<Output = Result<Response<B>, E>>,
    O: OpenHit,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B, O>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(guard::step(this.guard, || this.inner.poll(cx)));
        Poll::Ready(match result {
            Ok(response) => Ok(ResponseBody::wrap(response, this.guard, *this.method)),
            Err(error) => {
                this.guard.finish(Outcome::Failed);
                Err(error)
            }
        })
    }
}

impl<F, O: OpenHit> fmt::Debug for ResponseFuture<F, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
