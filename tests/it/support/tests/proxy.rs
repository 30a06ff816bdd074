//! Every way in which the network breaks, and what each side sees of it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::support::proxy::{Direction, Proxy};

/// Both ends of a connection through a proxy.
struct Line {
    proxy: Proxy,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap()).await;
        let client = TcpStream::connect(proxy.addr()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        Self { proxy, listener, client, server }
    }

    /// Has the client say something and the server hear it.
    async fn ask(&mut self, request: &str) {
        self.client.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(hear(&mut self.server, request.len()).await, request);
    }

    /// Has the server say something and the client hear it.
    async fn answer(&mut self, reply: &str) {
        self.server.write_all(reply.as_bytes()).await.unwrap();
        assert_eq!(hear(&mut self.client, reply.len()).await, reply);
    }
}

async fn hear(side: &mut TcpStream, bytes: usize) -> String {
    let mut heard = vec![0; bytes];
    side.read_exact(&mut heard).await.unwrap();
    String::from_utf8(heard).unwrap()
}

/// What comes until the end of the stream.
async fn rest(side: &mut TcpStream) -> String {
    let mut heard = String::new();
    side.read_to_string(&mut heard).await.unwrap();
    heard
}

async fn fails_with(side: &mut TcpStream) -> ErrorKind {
    side.read(&mut [0; 16]).await.unwrap_err().kind()
}

#[tokio::test]
async fn what_one_side_says_the_other_hears() {
    let mut line = Line::new().await;

    line.ask("how many?").await;
    line.answer("three").await;

    assert_eq!(line.proxy.accepted(), 1);
    assert_eq!((line.proxy.passed(Direction::ToServer), line.proxy.passed(Direction::ToClient)), (9, 5));
}

#[tokio::test]
async fn much_passes_whole_and_in_order() {
    let Line { proxy, client, server, .. } = Line::new().await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    let (_, mut to_server) = client.into_split();
    let (mut from_client, _to_client) = server.into_split();

    let written = sent.clone();
    let writer = tokio::spawn(async move { to_server.write_all(&written).await.unwrap() });
    let mut heard = Vec::new();
    from_client.read_to_end(&mut heard).await.unwrap();

    writer.await.unwrap();
    assert!(heard == sent);
    assert_eq!(proxy.passed(Direction::ToServer), 3_000_000);
}

#[tokio::test]
async fn a_side_that_has_said_all_still_hears() {
    let mut line = Line::new().await;
    line.client.write_all(b"last").await.unwrap();

    line.client.shutdown().await.unwrap();

    assert_eq!(rest(&mut line.server).await, "last");
    line.answer("still here").await;
    drop(line.server);
    assert_eq!(rest(&mut line.client).await, "");
}

#[tokio::test]
async fn a_reset_of_one_side_resets_the_other() {
    let mut line = Line::new().await;

    line.server.set_zero_linger().unwrap();
    drop(line.server);

    assert_eq!(fails_with(&mut line.client).await, ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn without_a_server_a_connection_is_reset() {
    let line = Line::new().await;
    drop(line.listener);

    let mut second = TcpStream::connect(line.proxy.addr()).await.unwrap();

    assert_eq!(fails_with(&mut second).await, ErrorKind::ConnectionReset);
}

// The time is paused: it moves on only when nothing else is left to do.
#[tokio::test(start_paused = true)]
async fn a_delay_holds_back_its_own_direction() {
    let mut line = Line::new().await;
    let begun = Instant::now();
    line.proxy.delay(Direction::ToClient, Duration::from_secs(10));

    line.ask("how many?").await;
    assert_eq!(begun.elapsed().as_secs(), 0);
    line.answer("three").await;
    assert_eq!(begun.elapsed().as_secs(), 10);

    line.proxy.delay(Direction::ToServer, Duration::from_secs(5));
    line.ask("and now?").await;
    assert_eq!(begun.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn slices_arrive_one_by_one_and_whole() {
    let mut line = Line::new().await;
    line.proxy.slice(Direction::ToServer, 4, Duration::from_secs(1));
    line.client.write_all(b"how many are there").await.unwrap();
    line.client.shutdown().await.unwrap();

    let mut heard = Vec::new();
    loop {
        let mut piece = [0; 64];
        let bytes = line.server.read(&mut piece).await.unwrap();
        if bytes == 0 {
            break;
        }
        heard.push(String::from_utf8(piece[..bytes].to_vec()).unwrap());
    }

    assert_eq!(heard, ["how ", "many", " are", " the", "re"]);
}

#[tokio::test]
async fn a_cut_ends_every_connection_cleanly() {
    let mut line = Line::new().await;
    line.ask("how many?").await;

    line.proxy.cut().await;

    assert_eq!((rest(&mut line.client).await, rest(&mut line.server).await), (String::new(), String::new()));
    TcpStream::connect(line.proxy.addr()).await.unwrap();
    line.listener.accept().await.unwrap();
    assert_eq!(line.proxy.accepted(), 2);
}

#[tokio::test]
async fn a_reset_breaks_every_connection() {
    let mut line = Line::new().await;
    line.ask("how many?").await;

    line.proxy.reset().await;

    assert_eq!(fails_with(&mut line.client).await, ErrorKind::ConnectionReset);
    assert_eq!(fails_with(&mut line.server).await, ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_refusing_proxy_keeps_what_lives_and_comes_back_at_its_address() {
    let mut line = Line::new().await;

    line.proxy.refuse().await;
    let refused = TcpStream::connect(line.proxy.addr()).await.unwrap_err();
    line.ask("are you there?").await;
    line.proxy.pass().await;
    TcpStream::connect(line.proxy.addr()).await.unwrap();

    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    line.listener.accept().await.unwrap();
}

#[tokio::test]
async fn a_black_hole_takes_everything_and_delivers_nothing() {
    // More than the buffers on the way hold, so that a write ends only if somebody reads.
    let much = vec![7; 32 << 20];
    let mut line = Line::new().await;
    line.proxy.black_hole();

    line.client.write_all(&much).await.unwrap();
    line.server.write_all(&much).await.unwrap();
    let mut second = TcpStream::connect(line.proxy.addr()).await.unwrap();
    second.write_all(&much).await.unwrap();
    line.proxy.pass().await;
    line.client.write_all(b"after").await.unwrap();
    let mut third = TcpStream::connect(line.proxy.addr()).await.unwrap();
    third.write_all(b"third").await.unwrap();
    let (mut server, _) = line.listener.accept().await.unwrap();

    assert_eq!(hear(&mut server, 5).await, "third", "a connection made later passes");
    assert_eq!((line.proxy.passed(Direction::ToServer), line.proxy.passed(Direction::ToClient)), (5, 0));
    line.proxy.cut().await;
    assert_eq!((rest(&mut line.client).await, rest(&mut line.server).await), (String::new(), String::new()));
    assert_eq!(rest(&mut second).await, "");
}

#[tokio::test]
async fn bytes_past_the_cut_are_not_delivered() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let mut line = Line::new().await;
        line.ask("before").await;
        line.answer("before").await;
        line.proxy.cut_after(direction, 6);
        let (from, to) = match direction {
            Direction::ToServer => (&mut line.client, &mut line.server),
            Direction::ToClient => (&mut line.server, &mut line.client),
        };

        from.write_all(b"how ").await.unwrap();
        from.write_all(b"many?").await.unwrap();

        assert_eq!(rest(to).await, "how ma");
        assert_eq!(rest(from).await, "");
        assert_eq!(line.proxy.passed(direction), 12);
    }
}

#[tokio::test]
async fn a_cut_happens_once() {
    let mut line = Line::new().await;
    line.proxy.cut_after(Direction::ToServer, 0);
    line.client.write_all(b"x").await.unwrap();
    assert_eq!(rest(&mut line.server).await, "");

    line.client = TcpStream::connect(line.proxy.addr()).await.unwrap();
    line.server = line.listener.accept().await.unwrap().0;

    line.ask("how many?").await;
}

#[tokio::test]
async fn a_dropped_reply_reaches_the_server_and_not_the_client() {
    let mut line = Line::new().await;
    line.ask("how many?").await;
    line.answer("three").await;

    line.proxy.drop_replies(Duration::from_millis(20));
    line.ask("one more").await;
    line.ask(" and another").await;
    line.server.write_all(b"done").await.unwrap();

    assert_eq!(rest(&mut line.client).await, "");
    assert_eq!(rest(&mut line.server).await, "");
    assert_eq!(line.proxy.passed(Direction::ToClient), 5);
}

// With time paused, quiet is over as soon as nobody has anything left to do.
#[tokio::test(start_paused = true)]
async fn a_connection_is_not_quiet_before_the_server_has_answered() {
    let mut line = Line::new().await;
    let begun = Instant::now();
    line.proxy.drop_replies(Duration::from_secs(1));

    line.ask("one more").await;
    tokio::time::advance(Duration::from_mins(1)).await;
    line.ask("and another").await;
    line.server.write_all(b"done").await.unwrap();

    assert_eq!(rest(&mut line.client).await, "");
    assert_eq!(begun.elapsed().as_secs(), 61);
}

#[tokio::test]
async fn only_the_reply_to_the_named_request_is_dropped() {
    let mut line = Line::new().await;
    let mut other = TcpStream::connect(line.proxy.addr()).await.unwrap();
    let (mut other_server, _) = line.listener.accept().await.unwrap();

    line.proxy.drop_replies_to(b"COMMIT", Duration::from_millis(20));
    line.ask("BEGIN").await;
    line.answer("ok").await;
    line.ask("Q COMMIT;").await;
    line.server.write_all(b"committed").await.unwrap();
    other.write_all(b"COMMIT").await.unwrap();
    assert_eq!(hear(&mut other_server, 6).await, "COMMIT");
    other_server.write_all(b"committed").await.unwrap();

    assert_eq!(rest(&mut line.client).await, "");
    assert_eq!(hear(&mut other, 9).await, "committed", "one reply is lost, not two");
}

#[tokio::test]
async fn everything_ends_with_the_proxy() {
    let mut line = Line::new().await;
    let addr: SocketAddr = line.proxy.addr();

    drop(line.proxy);

    assert_eq!(rest(&mut line.client).await, "");
    assert_eq!(rest(&mut line.server).await, "");
    assert_eq!(TcpStream::connect(addr).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
