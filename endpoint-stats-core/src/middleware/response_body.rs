//! [`ResponseBody`]: waits for the last byte.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::{Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::{self, HitGuard};
use crate::clock::Moment;
use crate::endpoint::Method;
use crate::hit::Outcome;
use crate::recorder::OpenHit;

pin_project! {
    /// A response body whose bytes are counted as they stream; everything passes through as it is.
    pub struct ResponseBody<B, O>
    where
        O: OpenHit,
    {
        #[pin]
        inner: B,
        ending: Ending<O>,
    }
}

/// Decides how a response ended.
struct Ending<O: OpenHit> {
    guard: HitGuard<O>,
    // A whole word: two bytes would leave a hole, which the compiler moves together with the body, out of alignment.
    status: u64,
    // A server stops asking for frames once it has sent as many bytes as the head promised.
    promised_bytes: Option<u64>,
}

impl<B: Body, O: OpenHit> ResponseBody<B, O> {
    #[inline]
    pub(super) fn wrap(response: Response<B>, guard: &mut HitGuard<O>, method: Method) -> Response<Self> {
        let status = response.status().as_u16();
        guard.head_sent();
        if has_no_body(method, response.status()) || response.body().is_end_stream() {
            guard.finish_at_head(Outcome::Status(status));
        }
        let promised_bytes = guard.open().and_then(|_| promised_bytes(&response));
        let (parts, inner) = response.into_parts();
        Response::from_parts(
            parts,
            Self { inner, ending: Ending { guard: guard.take(), status: status.into(), promised_bytes } },
        )
    }
}

/// Whether such a response has no body on the wire, whatever body the service returned.
fn has_no_body(method: Method, status: StatusCode) -> bool {
    method == Method::Head
        || (method == Method::Connect && status.is_success())
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// How many bytes a server will send at most: what the body knows, else what the head says.
fn promised_bytes<B: Body>(response: &Response<B>) -> Option<u64> {
    let declared = || response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    response.body().size_hint().exact().or_else(declared)
}

impl<B: Body, O: OpenHit> Body for ResponseBody<B, O> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let frame = ready!(guard::step(&mut this.ending.guard, || this.inner.as_mut().poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => this.ending.note(frame, this.inner.is_end_stream()),
            Some(Err(_)) => this.ending.guard.finish(Outcome::Failed),
            None => this.ending.finish(),
        }
        Poll::Ready(frame)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

// === impl Ending ===

impl<O: OpenHit> Ending<O> {
    #[inline]
    fn note<D: Buf>(&mut self, frame: &Frame<D>, is_last: bool) {
        if let Some(data) = frame.data_ref() {
            self.guard.add_response_bytes(data.remaining());
        }
        if is_last {
            self.finish();
        }
    }

    /// Counts the response as sent whole.
    #[inline]
    fn finish(&mut self) {
        self.guard.finish(Outcome::Status(u16::try_from(self.status).unwrap_or_default()));
    }
}

impl<O: OpenHit> Drop for Ending<O> {
    #[inline]
    fn drop(&mut self) {
        let is_sent_whole = self.promised_bytes == Some(self.guard.response_bytes());
        if self.guard.open().is_some() && is_sent_whole && !std::thread::panicking() {
            self.finish();
        }
    }
}

impl<B: Default, O: OpenHit> Default for ResponseBody<B, O> {
    fn default() -> Self {
        let guard = HitGuard::new(None, Moment::now(), None);
        Self { inner: B::default(), ending: Ending { guard, status: 200, promised_bytes: None } }
    }
}

impl<B, O: OpenHit> fmt::Debug for ResponseBody<B, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
