//! [`TimedBody`]: a request's body, as long as its client keeps sending.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::RequestLimits;
use super::turn::TurnClock;

/// A request's body, as long as its client keeps sending: without long pauses, and not too slowly over all.
///
/// Only the time that somebody waits for the client is held against it.
#[derive(Debug)]
pub(super) struct TimedBody {
    body: Body,
    clock: TurnClock,
    pause: Duration,
    min_rate: u32,
    received: u64,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// The client was too slow with the body of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTooSlow;

impl TimedBody {
    pub(super) fn new(body: Body, clock: TurnClock, limits: &RequestLimits) -> Self {
        Self { body, clock, pause: limits.body_pause, min_rate: limits.min_body_rate, received: 0, alarm: None }
    }

    /// How long the client may let itself be waited for now.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs_f64(self.received as f64 / f64::from(self.min_rate));
        (self.pause + earned).saturating_sub(self.clock.waited()).min(self.pause)
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<BodyTooSlow> {
        let deadline = Instant::now() + self.patience();
        self.clock.stop();
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(alarm.as_mut().poll(cx));
        self.clock.give_up();
        Poll::Ready(BodyTooSlow)
    }
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.wait(cx).map(|slow| Some(Err(axum::Error::new(slow))));
        };
        self.alarm = None;
        self.clock.go_on();
        if let Some(Ok(frame)) = &frame {
            self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whoever drops the body does not wait for the client any longer.
impl Drop for TimedBody {
    fn drop(&mut self) {
        self.clock.go_on();
    }
}

impl fmt::Display for BodyTooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client was too slow with the body")
    }
}

impl std::error::Error for BodyTooSlow {}
