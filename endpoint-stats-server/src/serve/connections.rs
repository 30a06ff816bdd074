//! [`Connections`]: accept loops with limits, and an end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use endpoint_stats_core::middleware::PeerAddress;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tower::ServiceExt;

/// A head that takes longer does not come from a client that wants an answer.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_HEADERS: usize = 64;
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Before the next try when the process has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections on any number of listeners, serves at most `max` at once on each, and ends them in order.
///
/// Further clients wait in the operating system's queue.
#[derive(Debug)]
pub struct Connections {
    max: usize,
    graceful: Arc<GracefulShutdown>,
    stop: watch::Sender<bool>,
    loops: JoinSet<()>,
}

impl Connections {
    /// Creates a server for at most so many connections a listener.
    pub fn new(max: usize) -> Self {
        Self { max, graceful: Arc::default(), stop: watch::Sender::new(false), loops: JoinSet::new() }
    }

    /// Accepts on a listener from now on.
    pub fn serve(&mut self, listener: TcpListener, app: Router) {
        let slots = Arc::new(Semaphore::new(self.max));
        let graceful = Arc::clone(&self.graceful);
        let mut stop = self.stop.subscribe();
        self.loops.spawn(async move {
            loop {
                tokio::select! {
                    (slot, stream, peer) = next(&slots, &listener) => {
                        let connection = connection(stream, peer, app.clone(), graceful.watcher());
                        tokio::spawn(async move {
                            connection.await;
                            drop(slot);
                        });
                    }
                    _ = stop.changed() => return,
                }
            }
        });
    }

    /// Accepts no more, and waits until the requests under way have ended, at most so long.
    pub async fn finish(mut self, patience: Duration) {
        let _ = self.stop.send(true);
        while self.loops.join_next().await.is_some() {}
        // The loops have ended, and with them their shares.
        let Some(graceful) = Arc::into_inner(self.graceful) else { return };
        if timeout(patience, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests still under way were cut off");
        }
    }
}

/// The next connection, once there is room for one.
async fn next(slots: &Arc<Semaphore>, listener: &TcpListener) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    let (stream, peer) = accept(listener).await;
    (slot, stream, peer)
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                sleep_until(Instant::now() + ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, watcher: Watcher) {
    // Answers are small; waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let service = app.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerAddress(peer));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, %peer, "connection ended");
    }
}
