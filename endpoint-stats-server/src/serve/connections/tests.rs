//! What connections do, on routes that no server has.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::routing::get;
use futures_util::{Stream, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::*;
use crate::serve::hardened::hardened;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const SHORT: Duration = Duration::from_millis(100);

/// Tells when it is dropped.
struct Told(mpsc::UnboundedSender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

fn endless(told: Told) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(told, async |told| Some((Ok(Bytes::from_static(&[b'x'; 16_384])), told)))
}

async fn listening(connections: &mut Connections, app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    connections.serve(listener, app);
    address
}

async fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let mut connections = Connections::with_limits(ConnectionLimits { stall: SHORT, ..ConnectionLimits::default() });
    let (tell, mut told) = mpsc::unbounded_channel();
    let app = Router::new().route("/", get(async move || Body::from_stream(endless(Told(tell)))));
    let address = listening(&mut connections, app).await;

    let _deaf = ask(address, "/").await;

    let ended = timeout(PATIENCE, told.recv()).await;
    assert_eq!(ended, Ok(Some(())), "the answer is still being sent");
}

#[tokio::test]
async fn a_request_under_way_has_the_time_it_needs() {
    let limits = ConnectionLimits { head: SHORT, idle: SHORT, stall: SHORT, ..ConnectionLimits::default() };
    let mut connections = Connections::with_limits(limits);
    let slow = async || {
        sleep_until(Instant::now() + 5 * SHORT).await;
        "done"
    };
    let address = listening(&mut connections, Router::new().route("/", get(slow))).await;

    let mut answer = String::new();
    ask(address, "/").await.read_to_string(&mut answer).await.unwrap();

    assert!(answer.ends_with("done"), "{answer:?}");
}

#[tokio::test]
async fn a_stream_of_events_does_not_hold_up_the_end() {
    let mut connections = Connections::new(8);
    let events = async || {
        let first = stream::iter([Ok::<_, Infallible>("data: 1\n\n")]);
        let body = Body::from_stream(futures_util::StreamExt::chain(first, stream::pending()));
        ([(header::CONTENT_TYPE, "text/event-stream")], body)
    };
    let app = hardened(Router::new().route("/", get(events)), connections.draining());
    let mut client = ask(listening(&mut connections, app).await, "/").await;
    client.read_exact(&mut [0; 12]).await.unwrap();

    timeout(PATIENCE, connections.finish(10 * PATIENCE)).await.expect("the stream ends by itself");

    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
}
