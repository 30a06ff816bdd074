//! [`MeterBody`]: how the bytes of a request body are counted as they stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::recorder::OpenHit;

/// A request body whose bytes can be counted.
///
/// Where a framework has one body type for all requests, as axum and tonic do, a counted body is of that type
/// again, and a body without bytes stays as it is. Any other body becomes a [`RequestBody`]; for a type of your own:
///
/// ```
/// use endpoint_stats_core::middleware::{MeterBody, RequestBody};
/// use endpoint_stats_core::recorder::OpenHit;
/// use http::Request;
///
/// struct MyBody(http_body_util::Full<bytes::Bytes>);
///
/// impl MeterBody for MyBody {
///     type Metered<O: OpenHit> = RequestBody<Self, O>;
///
///     fn meter<O: OpenHit>(request: Request<Self>, open: Option<&O>) -> Request<RequestBody<Self, O>> {
///         request.map(|body| RequestBody::new(body, open))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the bytes of `{Self}` cannot be counted",
    note = "turn on the feature `axum`, `hyper` or `tonic`, or implement `MeterBody` with `RequestBody`"
)]
pub trait MeterBody: Sized {
    /// The body that the wrapped service receives.
    type Metered<O: OpenHit>;

    /// Counts the bytes of a request's body for a hit; `None` when the request is not counted.
    fn meter<O: OpenHit>(request: Request<Self>, open: Option<&O>) -> Request<Self::Metered<O>>;
}

pin_project! {
    /// A request body whose bytes are counted as they stream; everything passes through as it is.
    pub struct RequestBody<B, O>
    where
        O: OpenHit,
    {
        #[pin]
        inner: B,
        meter: Meter<O>,
    }
}

struct Meter<O: OpenHit> {
    open: Option<O>,
    bytes: u64,
}

impl<B, O: OpenHit> RequestBody<B, O> {
    /// Counts a body's bytes for a hit.
    pub fn new(inner: B, open: Option<&O>) -> Self {
        Self { inner, meter: Meter { open: open.cloned(), bytes: 0 } }
    }
}

impl<B: Body, O: OpenHit> Body for RequestBody<B, O> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            this.meter.bytes = this.meter.bytes.saturating_add(data.remaining() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<O: OpenHit> Drop for Meter<O> {
    fn drop(&mut self) {
        if let Some(open) = self.open.as_ref().filter(|_| self.bytes > 0) {
            open.add_request_bytes(self.bytes);
        }
    }
}

impl<B, O: OpenHit> fmt::Debug for RequestBody<B, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("bytes", &self.meter.bytes).finish_non_exhaustive()
    }
}

impl MeterBody for () {
    type Metered<O: OpenHit> = ();

    #[inline]
    fn meter<O: OpenHit>(request: Request<Self>, _: Option<&O>) -> Request<()> {
        request
    }
}

macro_rules! wrapped {
    ($($(#[$feature:meta])* $body:ty),* $(,)?) => {$(
        $(#[$feature])*
        impl MeterBody for $body {
            type Metered<O: OpenHit> = RequestBody<Self, O>;

            fn meter<O: OpenHit>(request: Request<Self>, open: Option<&O>) -> Request<RequestBody<Self, O>> {
                request.map(|body| RequestBody::new(body, open))
            }
        }
    )*};
}

wrapped! {
    String,
    Box<dyn Body<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>> + Send + Unpin>,
    #[cfg(feature = "hyper")]
    hyper::body::Incoming,
}

/// A body type that any body can be made into; a request that has no bytes, or is not counted, stays as it is.
macro_rules! one_type_for_all {
    ($(#[$feature:meta] $body:ty),* $(,)?) => {$(
        #[$feature]
        impl MeterBody for $body {
            type Metered<O: OpenHit> = Self;

            #[inline]
            fn meter<O: OpenHit>(mut request: Request<Self>, open: Option<&O>) -> Request<Self> {
                if open.is_some() && !request.body().is_end_stream() {
                    let body = std::mem::take(request.body_mut());
                    *request.body_mut() = Self::new(RequestBody::new(body, open));
                }
                request
            }
        }
    )*};
}

one_type_for_all! {
    #[cfg(feature = "axum")]
    axum::body::Body,
    #[cfg(feature = "tonic")]
    tonic::body::Body,
}
