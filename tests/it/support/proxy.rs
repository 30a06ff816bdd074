//! A network between a client and a TCP server that breaks when a test says so.
//!
//! ```ignore
//! let proxy = Proxy::to(server).await;
//! let client = connect(proxy.addr()).await;
//!
//! proxy.drop_replies(Duration::from_millis(50));
//! client.commit().await.unwrap_err(); // The server committed, and the client cannot know.
//! ```
//!
//! Everything passes until a control says otherwise. A control may be used at any time, also while connections live,
//! and counts for what is let through from then on. Every call is for a runtime that goes on meanwhile.

mod connection;
mod rules;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::connection::Connection;
use self::rules::{LostReply, Rules, Slices};
use super::ports::ports;

/// A breakable TCP proxy; see the [module](self). Its connections end when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    addr: SocketAddr,
    network: Arc<Network>,
    // None while new connections are refused.
    listening: Mutex<Option<JoinHandle<()>>>,
}

/// The way that bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// How a connection ends, for both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The peers read the end of the stream.
    Fin,
    /// The peers read an error.
    Reset,
}

/// What all connections of a proxy share.
#[derive(Debug)]
struct Network {
    server: SocketAddr,
    rules: Mutex<Rules>,
    live: Mutex<Vec<Live>>,
}

#[derive(Debug)]
struct Live {
    end: oneshot::Sender<Ending>,
    task: JoinHandle<()>,
}

// === impl Proxy ===

impl Proxy {
    /// Listens on a free port of `127.0.0.1` and passes everything to `server` and back.
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let network = Arc::new(Network { server, rules: Mutex::default(), live: Mutex::default() });
        for port in ports() {
            let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if let Ok(listener) = TcpListener::bind(addr).await {
                let listening = Mutex::new(Some(tokio::spawn(accept(listener, Arc::clone(&network)))));
                return Self { addr, network, listening };
            }
        }
        panic!("no free port");
    }

    /// Where clients connect to.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.rules().accepted
    }

    /// Bytes let through so far, over all connections.
    pub(crate) fn passed(&self, direction: Direction) -> u64 {
        self.rules().lane(direction).passed
    }

    /// Takes back every other control, and accepts connections again.
    ///
    /// A connection that lost bytes on its way stays dead: what would come now does not follow what came last.
    pub(crate) async fn pass(&self) {
        self.rules().clear();
        if locked(&self.listening).is_none() {
            let listener = TcpListener::bind(self.addr).await.expect("nobody else was lent this port");
            *locked(&self.listening) = Some(tokio::spawn(accept(listener, Arc::clone(&self.network))));
        }
    }

    /// Holds every byte back for so long, in addition to the time it takes anyway.
    pub(crate) fn delay(&self, direction: Direction, delay: Duration) {
        self.rules().lane(direction).delay = delay;
    }

    /// Delivers pieces of at most so many bytes, with a pause after each.
    pub(crate) fn slice(&self, direction: Direction, bytes: usize, pause: Duration) {
        assert!(bytes > 0, "a piece has at least one byte");
        self.rules().lane(direction).slices = Some(Slices { bytes, pause });
    }

    /// Takes everything from both sides, also from new connections, and delivers nothing, not even an end.
    pub(crate) fn black_hole(&self) {
        self.rules().black_hole = true;
    }

    /// Lets so many more bytes through, counted over all connections, and then cuts the connection of the last one.
    ///
    /// That happens once. With no byte left to go, the connection of the next byte is cut before it.
    pub(crate) fn cut_after(&self, direction: Direction, bytes: u64) {
        self.rules().lane(direction).cut_after = Some(bytes);
    }

    /// Loses the next reply: swallows all that the server says while all that the client says passes.
    ///
    /// The first connection that says something, in either direction, is the one; it is cut when the server has said
    /// something and no byte has come from either side for as long as `quiet`.
    pub(crate) fn drop_replies(&self, quiet: Duration) {
        self.rules().lost_reply = Some(LostReply { request: None, quiet });
    }

    /// Loses the reply to the next request that has these bytes in it, like [`drop_replies`](Self::drop_replies).
    ///
    /// The bytes are looked for in what arrives at once: it has to be something that clients send in one piece.
    pub(crate) fn drop_replies_to(&self, request: &[u8], quiet: Duration) {
        self.rules().lost_reply = Some(LostReply { request: Some(request.to_owned()), quiet });
    }

    /// Refuses new connections, as a machine does where no server listens; those that live go on.
    pub(crate) async fn refuse(&self) {
        let listening = locked(&self.listening).take();
        if let Some(listening) = listening {
            listening.abort();
            // An error says that it was aborted.
            drop(listening.await);
        }
    }

    /// Ends every connection; both sides read the end of the stream.
    pub(crate) async fn cut(&self) {
        self.network.end_all(Ending::Fin).await;
    }

    /// Breaks every connection; both sides read "connection reset".
    pub(crate) async fn reset(&self) {
        self.network.end_all(Ending::Reset).await;
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        locked(&self.network.rules)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(listening) = locked(&self.listening).take() {
            listening.abort();
        }
        for live in locked(&self.network.live).drain(..) {
            live.task.abort();
        }
    }
}

async fn accept(listener: TcpListener, network: Arc<Network>) {
    loop {
        // A connection that failed before it was accepted is the client's to report.
        let Ok((client, _)) = listener.accept().await else { continue };
        locked(&network.rules).accepted += 1;
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(Connection::serve(client, Arc::clone(&network), ended));
        let mut live = locked(&network.live);
        live.retain(|live| !live.task.is_finished());
        live.push(Live { end, task });
    }
}

// === impl Network ===

impl Network {
    async fn end_all(&self, ending: Ending) {
        let live: Vec<_> = locked(&self.live).drain(..).collect();
        for Live { end, task } in live {
            // One that has ended meanwhile hears nothing.
            _ = end.send(ending);
            drop(task.await);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
