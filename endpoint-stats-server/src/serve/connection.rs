//! [`Connection`]: one client's, from its handshake to its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::uri::Scheme;
use endpoint_stats_core::middleware::PeerAddress;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tower::ServiceExt;

use super::draining::Draining;
use super::limits::ConnectionLimits;
use super::pulse::Pulse;
use super::room::Seat;
use super::tls::Tls;
use super::watched_stream::WatchedStream;

/// How a listener serves each of its connections.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) app: Router,
    pub(super) tls: Option<Tls>,
    pub(super) limits: ConnectionLimits,
    pub(super) draining: Draining,
}

impl Connection {
    /// Serves a connection until it ends, takes too long, or has to make way.
    pub(super) async fn run(self, stream: TcpStream, peer: SocketAddr, seat: Seat, watcher: Watcher) {
        // Answers are small; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let pulse = Arc::clone(seat.pulse());
        tokio::select! {
            // In this order: whoever has to make way begins no request that would be cut off.
            biased;
            () = pulse.evicted() => tracing::debug!(%peer, "the connection makes way for another"),
            () = self.talk(stream, peer, &pulse, watcher) => {}
        }
    }

    async fn talk(self, stream: TcpStream, peer: SocketAddr, pulse: &Arc<Pulse>, watcher: Watcher) {
        let Some(tls) = self.tls.clone() else {
            return self.serve(stream, peer, pulse, watcher).await;
        };
        let shaken = tokio::select! {
            shaken = timeout(self.limits.handshake, tls.accept(stream)) => shaken,
            () = self.draining.clone().begun() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                pulse.open();
                self.serve(stream, peer, pulse, watcher).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, %peer, "the handshake failed"),
            Err(_) => tracing::debug!(%peer, "the handshake took too long"),
        }
    }

    async fn serve<S>(self, stream: S, peer: SocketAddr, pulse: &Arc<Pulse>, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let stream = WatchedStream::new(stream, Arc::clone(pulse));
        let (begun, ended) = (Arc::clone(pulse), Arc::clone(pulse));
        let scheme = if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let service = self
            .app
            .map_request(move |mut request: Request<Incoming>| {
                begun.busy();
                request.extensions_mut().insert(PeerAddress(peer));
                request.extensions_mut().insert(scheme.clone());
                request
            })
            .map_response(move |response: Response<Body>| {
                response.map(|body| AnswerBody { body, pulse: Arc::clone(&ended) })
            });
        // The pulse tells heads from idling, which hyper's own timer does not.
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_headers(self.limits.max_headers)
            .max_buf_size(self.limits.max_head_bytes)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        match in_time(watcher.watch(connection), pulse, &self.limits).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%error, %peer, "connection ended"),
            None => tracing::debug!(%peer, "the client took too long"),
        }
    }
}

/// The work's result, unless a deadline of the pulse passes first; the deadline moves with the work.
async fn in_time<F: Future>(work: F, pulse: &Pulse, limits: &ConnectionLimits) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut alarm = pin!(sleep_until(Instant::now() + limits.head));
    poll_fn(|cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let Some(deadline) = pulse.deadline(limits) else { return Poll::Pending };
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// An answer's body, which tells when it has been handed over.
#[derive(Debug)]
struct AnswerBody {
    body: Body,
    pulse: Arc<Pulse>,
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.pulse.answered();
    }
}
