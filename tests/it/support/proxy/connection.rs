//! One connection through a proxy.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::rules::Slices;
use super::{Direction, Ending, Network, locked};

/// Pieces on their way in one direction; more wait in the kernel.
const IN_FLIGHT: usize = 64;
const PIECE_BYTES: usize = 16 * 1024;

/// A piece, and when it arrives if it is held back.
type Piece = (Option<Instant>, Vec<u8>);

#[derive(Debug)]
pub(super) struct Connection {
    network: Arc<Network>,
    loss: Mutex<Loss>,
    // When the reply counts as lost, moved on by every byte.
    lost_at: watch::Sender<Option<Instant>>,
}

/// What a connection has lost so far.
#[derive(Debug, Default)]
struct Loss {
    // Something went into a black hole, so nothing passes any more.
    dead: bool,
    // Its replies are lost; it ends when it has been quiet for so long.
    replies: Option<Duration>,
    reply_seen: bool,
}

/// What becomes of a piece.
#[derive(Debug)]
enum Fate {
    Swallowed,
    Passed { bytes: usize, cut: bool },
}

impl Connection {
    /// Serves a client until a side ends the connection, or a rule, or `end`.
    pub(super) async fn serve(client: TcpStream, network: Arc<Network>, mut end: oneshot::Receiver<Ending>) {
        let connection = Self { network, loss: Mutex::default(), lost_at: watch::Sender::new(None) };
        let mut sides = Sides { client, server: None };
        let ending = tokio::select! {
            biased;
            Ok(ending) = &mut end => ending,
            ending = connection.pass(&mut sides) => ending,
        };
        sides.end(ending);
    }

    async fn pass(&self, sides: &mut Sides) -> Ending {
        if locked(&self.network.rules).black_hole {
            swallow(&mut sides.client).await;
            return Ending::Fin;
        }
        let Ok(server) = TcpStream::connect(self.network.server).await else { return Ending::Reset };
        // What is delivered in pieces is sent in pieces.
        drop(sides.client.set_nodelay(true).and_then(|()| server.set_nodelay(true)));
        let (from_server, to_server) = sides.server.insert(server).split();
        let (from_client, to_client) = sides.client.split();
        let both = async {
            tokio::try_join!(
                self.carry(Direction::ToServer, from_client, to_server),
                self.carry(Direction::ToClient, from_server, to_client),
            )
        };
        tokio::select! {
            carried = both => carried.err().unwrap_or(Ending::Fin),
            () = self.reply_is_lost() => Ending::Fin,
        }
    }

    async fn carry(&self, direction: Direction, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Result<(), Ending> {
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        tokio::try_join!(self.take_in(direction, from, sender), self.deliver_all(direction, receiver, to))?;
        Ok(())
    }

    async fn take_in(
        &self,
        direction: Direction,
        mut from: ReadHalf<'_>,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<(), Ending> {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let bytes = from.read(&mut piece).await.map_err(|_| Ending::Reset)?;
            if bytes == 0 {
                return Ok(());
            }
            piece.truncate(bytes);
            let delay = locked(&self.network.rules).lane(direction).delay;
            let due = (!delay.is_zero()).then(|| Instant::now() + delay);
            if pieces.send((due, piece)).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn deliver_all(
        &self,
        direction: Direction,
        mut pieces: mpsc::Receiver<Piece>,
        mut to: WriteHalf<'_>,
    ) -> Result<(), Ending> {
        while let Some((due, piece)) = pieces.recv().await {
            if let Some(due) = due {
                sleep_until(due).await;
            }
            self.deliver(direction, &piece, &mut to).await?;
        }
        if self.delivers_nothing() {
            return std::future::pending().await;
        }
        to.shutdown().await.map_err(|_| Ending::Reset)
    }

    async fn deliver(&self, direction: Direction, piece: &[u8], to: &mut WriteHalf<'_>) -> Result<(), Ending> {
        self.note_lost_reply(direction, piece);
        let mut left = piece;
        while !left.is_empty() {
            let slices = locked(&self.network.rules).lane(direction).slices;
            let (slice, rest) = left.split_at(slices.map_or(left.len(), |Slices { bytes, .. }| bytes.min(left.len())));
            left = rest;
            let Fate::Passed { bytes, cut } = self.fate(direction, slice) else { continue };
            to.write_all(&slice[..bytes]).await.map_err(|_| Ending::Reset)?;
            if cut {
                return Err(Ending::Fin);
            }
            if let Some(Slices { pause, .. }) = slices {
                sleep_until(Instant::now() + pause).await;
            }
        }
        Ok(())
    }

    fn fate(&self, direction: Direction, slice: &[u8]) -> Fate {
        if self.delivers_nothing() {
            return Fate::Swallowed;
        }
        if direction == Direction::ToClient && locked(&self.loss).replies.is_some() {
            return Fate::Swallowed;
        }
        let (bytes, cut) = locked(&self.network.rules).lane(direction).let_through(slice.len());
        Fate::Passed { bytes, cut }
    }

    /// Whether this connection is in the black hole, or was when something came.
    fn delivers_nothing(&self) -> bool {
        let black_hole = locked(&self.network.rules).black_hole;
        let mut loss = locked(&self.loss);
        loss.dead |= black_hole;
        loss.dead
    }

    fn note_lost_reply(&self, direction: Direction, piece: &[u8]) {
        let taken = locked(&self.network.rules).take_lost_reply(direction, piece);
        let mut loss = locked(&self.loss);
        loss.replies = loss.replies.or(taken);
        loss.reply_seen |= loss.replies.is_some() && direction == Direction::ToClient;
        if let Some(quiet) = loss.replies.filter(|_| loss.reply_seen) {
            self.lost_at.send_replace(Some(Instant::now() + quiet));
        }
    }

    async fn reply_is_lost(&self) {
        let mut lost_at = self.lost_at.subscribe();
        loop {
            let at = *lost_at.borrow_and_update();
            let quiet = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = quiet => return,
                // The sender lives as long as `self`.
                _ = lost_at.changed() => {}
            }
        }
    }
}

async fn swallow(side: &mut TcpStream) {
    let mut swallowed = vec![0; PIECE_BYTES];
    while side.read(&mut swallowed).await.is_ok_and(|bytes| bytes > 0) {}
}

/// The two ends of a connection.
#[derive(Debug)]
struct Sides {
    client: TcpStream,
    // None until the server has accepted.
    server: Option<TcpStream>,
}

impl Sides {
    fn end(self, ending: Ending) {
        for side in [Some(self.client), self.server].into_iter().flatten() {
            // A side that is gone already needs no ending.
            drop(match ending {
                Ending::Fin => finish(side),
                Ending::Reset => side.set_zero_linger(),
            });
        }
    }
}

/// Closes without a reset, which is what a socket sends that is closed with something unread in it.
fn finish(side: TcpStream) -> std::io::Result<()> {
    let side = side.into_std()?;
    side.shutdown(std::net::Shutdown::Write)?;
    let mut unread = vec![0; PIECE_BYTES];
    while (&side).read(&mut unread)? > 0 {}
    Ok(())
}
