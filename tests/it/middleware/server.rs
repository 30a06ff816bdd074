//! [`Server`]: an axum server on a free port, and clients that speak bytes.

use std::net::SocketAddr;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::recording::soon;

/// Serves until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: AbortOnDrop,
}

/// A task that ends with its test, also when the test fails.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(pub(crate) JoinHandle<()>);

impl Server {
    pub(crate) async fn start(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serve = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
        Self { address, stop, task: AbortOnDrop(tokio::spawn(async { serve.await.unwrap() })) }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own, and returns all that comes back.
    pub(crate) async fn exchange(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(client.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    /// Waits until every connection has ended.
    pub(crate) async fn stop(mut self) {
        self.stop.send(()).unwrap();
        soon(&mut self.task.0).await.unwrap();
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads until some text has come.
pub(crate) async fn read_until(client: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let more = soon(client.read_buf(&mut read)).await.unwrap();
        assert_ne!(more, 0, "{}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).unwrap()
}
