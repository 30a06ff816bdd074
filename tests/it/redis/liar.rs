//! [`Liar`]: passes everything to a server and back, and answers with something else when a test says so.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is said instead of the truth.
#[derive(Clone, Debug)]
struct Lie {
    bytes: Vec<u8>,
    // Empty for nothing.
    spared: &'static [u8],
}

/// A server that lies; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Liar {
    addr: SocketAddr,
    lie: Arc<Mutex<Option<Lie>>>,
    listening: JoinHandle<()>,
}

impl Liar {
    pub(super) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, lie) = (listener.local_addr().unwrap(), Arc::default());
        let listening = tokio::spawn(listen(listener, server, Arc::clone(&lie)));
        Self { addr, lie, listening }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers what is asked from now on with these bytes, and the server does not hear of it; `spared` is passed on.
    pub(super) fn lie(&self, bytes: &[u8], spared: &'static [u8]) {
        *self.lie.lock().unwrap() = Some(Lie { bytes: bytes.to_owned(), spared });
    }

    /// Passes everything again.
    pub(super) fn tell_the_truth(&self) {
        *self.lie.lock().unwrap() = None;
    }
}

impl Lie {
    fn spares(&self, question: &[u8]) -> bool {
        !self.spared.is_empty() && question.windows(self.spared.len()).any(|window| window == self.spared)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, server: SocketAddr, lie: Arc<Mutex<Option<Lie>>>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(client, server, Arc::clone(&lie)));
    }
}

/// Ends with the first side that has nothing more to say.
async fn serve(mut client: TcpStream, server: SocketAddr, lie: Arc<Mutex<Option<Lie>>>) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut question, mut answer) = (vec![0; 16_384], vec![0; 16_384]);
    loop {
        tokio::select! {
            asked = client.read(&mut question) => match asked? {
                0 => return Ok(()),
                bytes => {
                    let lie = lie.lock().unwrap().clone().filter(|lie| !lie.spares(&question[..bytes]));
                    match lie {
                        Some(lie) => client.write_all(&lie.bytes).await?,
                        None => server.write_all(&question[..bytes]).await?,
                    }
                }
            },
            answered = server.read(&mut answer) => match answered? {
                0 => return Ok(()),
                bytes => client.write_all(&answer[..bytes]).await?,
            },
        }
    }
}
