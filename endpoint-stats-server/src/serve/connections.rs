//! [`Connections`]: accept loops with limits, and an end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::Connection;
use super::draining::Draining;
use super::limits::ConnectionLimits;
use super::room::Room;
use super::tls::Tls;

/// Before the next try when the process has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Between two lines about the same trouble.
const QUIET: Duration = Duration::from_secs(10);

/// Accepts connections on any number of listeners, serves so many at once on each as its limits allow, and ends them in
/// order.
///
/// When there are too many, one that awaits a request makes way for the next; when there is none, the next is turned
/// away at once.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    graceful: Arc<GracefulShutdown>,
    stop: watch::Sender<bool>,
    loops: JoinSet<()>,
}

impl Connections {
    /// Creates a server for at most so many connections a listener, which may all come from one address.
    pub fn new(max: usize) -> Self {
        Self::with_limits(ConnectionLimits { max, max_per_address: max, ..ConnectionLimits::default() })
    }

    /// Creates a server with limits for each listener.
    pub fn with_limits(limits: ConnectionLimits) -> Self {
        Self { limits, graceful: Arc::default(), stop: watch::Sender::new(false), loops: JoinSet::new() }
    }

    /// Tells when connections are asked to end.
    pub fn draining(&self) -> Draining {
        Draining::new(self.stop.subscribe())
    }

    /// Accepts on a listener from now on.
    pub fn serve(&mut self, listener: TcpListener, app: Router) {
        self.serve_with("main", listener, app, None);
    }

    /// Accepts on a listener from now on, over TLS if it is given; `name` is what it is called in metrics.
    pub fn serve_with(&mut self, name: &'static str, listener: TcpListener, app: Router, tls: Option<Tls>) {
        let limits = self.limits;
        let accepting = Accepting {
            listener,
            room: Arc::new(Room::new(name, limits.max, limits.max_per_address)),
            connection: Connection { app, tls, limits, draining: self.draining() },
            graceful: Arc::clone(&self.graceful),
            silent_until: Instant::now(),
        };
        self.loops.spawn(accepting.run(self.stop.subscribe()));
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

/// One listener's loop.
#[derive(Debug)]
struct Accepting {
    listener: TcpListener,
    room: Arc<Room>,
    connection: Connection,
    graceful: Arc<GracefulShutdown>,
    silent_until: Instant,
}

impl Accepting {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, self.graceful.watcher()),
                    Err(error) => self.recover(&error).await,
                },
                _ = stop.changed() => return,
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: std::net::SocketAddr, watcher: Watcher) {
        if let Some(seat) = self.room.admit(peer.ip()) {
            tokio::spawn(self.connection.clone().run(stream, peer, seat, watcher));
        }
    }

    /// Out of file descriptors, unless a client has gone already: one of those that do nothing may go.
    async fn recover(&mut self, error: &io::Error) {
        if is_of_one_client(error) {
            return;
        }
        let now = Instant::now();
        if now >= self.silent_until {
            self.silent_until = now + QUIET;
            tracing::warn!(%error, "failed to accept a connection");
        }
        self.room.make_room();
        sleep_until(now + ACCEPT_PAUSE).await;
    }
}

/// Whether the next client may have better luck at once.
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests;
