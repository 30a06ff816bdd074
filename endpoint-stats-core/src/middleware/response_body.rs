//! [`ResponseBody`]: waits for the last byte.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::{Response, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::{self, HitGuard};
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
    // `None` when the request is not counted, or has been.
    guard: Option<HitGuard<O>>,
    status: u16,
    // A server stops asking for frames once it has sent as many bytes as the head promised.
    promised_bytes: Option<u64>,
}

impl<B: Body, O: OpenHit> ResponseBody<B, O> {
    pub(super) fn wrap(response: Response<B>, guard: Option<HitGuard<O>>) -> Response<Self> {
        let status = response.status().as_u16();
        let guard = guard.and_then(|mut guard| {
            guard.head_sent();
            if guard.has_no_body(response.status()) || response.body().is_end_stream() {
                guard.finish_at_head(Outcome::Status(status));
                return None;
            }
            Some(guard)
        });
        let promised_bytes = guard.as_ref().and_then(|_| promised_bytes(&response));
        response.map(|inner| Self { inner, ending: Ending { guard, status, promised_bytes } })
    }
}

fn promised_bytes<B: Body>(response: &Response<B>) -> Option<u64> {
    match response.headers().get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => response.body().size_hint().exact(),
    }
}

impl<B: Body, O: OpenHit> Body for ResponseBody<B, O> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let frame = ready!(guard::step(&mut this.ending.guard, || { this.inner.as_mut().poll_frame(cx) }));
        match &frame {
            Some(Ok(frame)) => this.ending.note(frame, this.inner.is_end_stream()),
            Some(Err(_)) => this.ending.finish(Outcome::Failed),
            None => this.ending.finish(Outcome::Status(this.ending.status)),
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

// === impl Ending ===

impl<O: OpenHit> Ending<O> {
    fn note<D: Buf>(&mut self, frame: &Frame<D>, is_last: bool) {
        if let (Some(guard), Some(data)) = (&mut self.guard, frame.data_ref()) {
            guard.add_response_bytes(data.remaining());
        }
        if is_last {
            self.finish(Outcome::Status(self.status));
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        if let Some(guard) = self.guard.take() {
            guard.finish(outcome);
        }
    }
}

impl<O: OpenHit> Drop for Ending<O> {
    fn drop(&mut self) {
        let sent_whole = |guard: &HitGuard<O>| self.promised_bytes == Some(guard.response_bytes());
        if self.guard.as_ref().is_some_and(sent_whole) && !std::thread::panicking() {
            self.finish(Outcome::Status(self.status));
        }
    }
}

impl<B: Default, O: OpenHit> Default for ResponseBody<B, O> {
    fn default() -> Self {
        Self { inner: B::default(), ending: Ending { guard: None, status: 200, promised_bytes: None } }
    }
}

impl<B, O: OpenHit> fmt::Debug for ResponseBody<B, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
