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

#[tokio::test]
async fn an_answer_that_is_taken_late_is_not_an_idle_connection() {
    const LENGTH: usize = 32 << 20;
    let mut connections = Connections::with_limits(ConnectionLimits { idle: SHORT, ..ConnectionLimits::default() });
    let app = Router::new().route("/", get(async || vec![b'x'; LENGTH]));
    let mut client = ask(listening(&mut connections, app).await, "/").await;
    client.readable().await.unwrap();
    sleep_until(Instant::now() + 5 * SHORT).await;

    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();

    assert!(answer.len() > LENGTH, "{} bytes came", answer.len());
}

#[tokio::test]
async fn a_connection_that_makes_way_begins_no_request() {
    let connections = Connections::new(1);
    let (tell, mut told) = mpsc::unbounded_channel();
    let app = Router::new().route("/", get(async move || drop(Told(tell))));
    let connection = Connection { app, tls: None, limits: connections.limits, draining: connections.draining() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = ask(listener.local_addr().unwrap(), "/").await;
    let (stream, peer) = listener.accept().await.unwrap();
    stream.readable().await.unwrap();
    let seat = Arc::new(Room::new("main", 1, 1)).admit(peer.ip()).unwrap();
    seat.pulse().evict();

    connection.run(stream, peer, seat, connections.graceful.watcher()).await;

    assert_eq!(told.recv().await, None, "the request was begun");
}

#[tokio::test]
async fn a_client_that_was_gone_when_it_was_accepted_costs_no_other_its_place() {
    let room = Arc::new(Room::new("main", 8, 8));
    let idle = room.admit("192.0.2.1".parse().unwrap()).unwrap();
    let connections = Connections::new(8);
    let mut accepting = Accepting {
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        room,
        connection: Connection {
            app: Router::new(),
            tls: None,
            limits: connections.limits,
            draining: connections.draining(),
        },
        graceful: Arc::default(),
        silent_until: Instant::now(),
    };

    accepting.recover(&io::ErrorKind::ConnectionAborted.into()).await;
    assert!(timeout(Duration::ZERO, idle.pulse().evicted()).await.is_err());

    accepting.recover(&io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error())).await;
    assert!(timeout(Duration::ZERO, idle.pulse().evicted()).await.is_ok());
}
