//! Real clients and servers on a simulated network.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use endpoint_stats_core::store::RemoteStore;
use endpoint_stats_core::store::remote::RemoteOptions;
use futures_util::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tower::Service;
use turmoil::net::{TcpListener, TcpStream};

use crate::random::Random;

const PORT: u16 = 9999;

/// A server that hears nothing from a connection for so long closes it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes connections for ever.
pub(super) async fn serve(app: Router) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(app.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service);
        // How a connection ends is the network's business.
        tokio::spawn(async move { drop(connection.await) });
    }
}

/// A store on any of some hosts, another one with each connection, as behind a load balancer.
pub(super) fn store_on(hosts: &'static [&'static str], patience: Duration, random: Random) -> RemoteStore {
    let options = RemoteOptions::from_url(&format!("http://anyone:{PORT}")).unwrap().with_request_timeout(patience);
    RemoteStore::connect_over(Connector { hosts, random: Arc::new(Mutex::new(random)) }, options)
}

#[derive(Clone, Debug)]
struct Connector {
    hosts: &'static [&'static str],
    random: Arc<Mutex<Random>>,
}

/// A connection of a client.
#[derive(Debug)]
struct Wire(TokioIo<TcpStream>);

// === impl Connector ===

impl Service<Uri> for Connector {
    type Response = Wire;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Wire>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let host = self.random.lock().unwrap().one_of(self.hosts);
        Box::pin(async move { TcpStream::connect((host, PORT)).await.map(TokioIo::new).map(Wire) })
    }
}

// === impl Wire ===

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
