//! Slow clients, many of them, beside one that behaves.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::command::Server;

/// How many of each kind, and for how long.
struct Siege {
    silent: usize,
    dripping: usize,
    slow_bodies: usize,
    lasts: Duration,
}

/// What the client that behaves saw.
#[derive(Debug)]
struct Seen {
    answered: usize,
    p99: Duration,
    failed: Vec<String>,
    attacks: u64,
}

/// Connects from the n-th of the addresses that attackers have.
async fn connect(n: usize, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(2 + n % 50).expect("less than 52");
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
    socket.connect(server).await
}

/// Sends one byte after the other, or none at all, until the server has enough.
async fn bother(mut stream: TcpStream, start: &[u8], drips: bool) -> std::io::Result<()> {
    stream.write_all(start).await?;
    let mut ticks = interval(Duration::from_secs(1));
    let mut answer = [0; 1_024];
    loop {
        tokio::select! {
            read = stream.read(&mut answer) => if read? == 0 { return Ok(()) },
            _ = ticks.tick() => if drips { stream.write_all(b"x").await? },
        }
    }
}

async fn keep_bothering(n: usize, server: SocketAddr, start: &'static str, drips: bool, attacks: Arc<AtomicU64>) {
    loop {
        if let Ok(stream) = connect(n, server).await {
            attacks.fetch_add(1, Ordering::Relaxed);
            let _ = bother(stream, start.as_bytes(), drips).await;
        }
        // More often, and the attack is one on the machine.
        sleep_until(Instant::now() + Duration::from_secs(1)).await;
    }
}

/// Asks 200 times a second, each connection for 50 requests.
async fn behave(server: SocketAddr, lasts: Duration) -> (Vec<Duration>, Vec<String>) {
    let (mut answered, mut failed) = (Vec::new(), Vec::new());
    let mut kept = None;
    let mut ticks = interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        ticks.tick().await;
        let asked = Instant::now();
        match ask(&mut kept, server).await {
            Ok(()) => answered.push(asked.elapsed()),
            Err(error) => {
                kept = None;
                failed.push(error.to_string());
            }
        }
        if answered.len().is_multiple_of(50) {
            kept = None;
        }
    }
    (answered, failed)
}

async fn ask(kept: &mut Option<TcpStream>, server: SocketAddr) -> std::io::Result<()> {
    let stream = match kept {
        Some(stream) => stream,
        None => kept.insert(TcpStream::connect(server).await?),
    };
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = [0; 1_024];
    let read = stream.read(&mut answer).await?;
    if answer[..read].starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

fn attack(server: SocketAddr, siege: &Siege, attacks: &Arc<AtomicU64>) -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for (count, start, drips) in [
        (siege.silent, "", false),
        (siege.dripping, "GET / HTTP/1.1\r\nx: ", true),
        (siege.slow_bodies, "POST /v1/hits HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999\r\n\r\n", true),
    ] {
        for n in 0..count {
            runtime.spawn(keep_bothering(n, server, start, drips, Arc::clone(attacks)));
        }
    }
    runtime
}

fn besiege(server: SocketAddr, siege: &Siege) -> Seen {
    let attacks = Arc::default();
    let attackers = attack(server, siege, &attacks);
    let seen = calm_client(server, siege.lasts);
    attackers.shutdown_background();
    Seen { attacks: attacks.load(Ordering::Relaxed), ..seen }
}

/// On a thread of its own, or the attack is one on the client.
fn calm_client(server: SocketAddr, lasts: Duration) -> Seen {
    let client = Builder::new_current_thread().enable_all().build().unwrap();
    let (mut took, failed) = client.block_on(behave(server, lasts));
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    Seen { answered: took.len(), p99, failed, attacks: 0 }
}

fn assert_unnoticed(siege: &Siege, arguments: &[&str]) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), arguments);

    let seen = besiege(server.address, siege);

    assert!(seen.failed.is_empty(), "{} of {} failed: {:?}", seen.failed.len(), seen.answered, &seen.failed[0]);
    let attackers = siege.silent + siege.dripping + siege.slow_bodies;
    assert!(seen.attacks >= attackers as u64, "{seen:?}");
    assert!(seen.answered > 10, "{seen:?}");
    assert!(server.stop().success());
    seen
}

#[test]
fn the_healthy_client_does_not_notice_slow_ones_under_load() {
    let siege = Siege { silent: 200, dripping: 50, slow_bodies: 20, lasts: Duration::from_secs(5) };

    assert_unnoticed(&siege, &["--max-connections", "200"]);
}

#[test]
#[ignore = "takes a minute, and prints times that only an idle machine tells"]
fn the_healthy_client_does_not_notice_thousands_of_slow_ones_under_load() {
    let calm = Siege { silent: 0, dripping: 0, slow_bodies: 0, lasts: Duration::from_secs(10) };
    let siege = Siege { silent: 2_000, dripping: 500, slow_bodies: 200, lasts: Duration::from_mins(1) };

    let folder = tempfile::tempdir().unwrap();
    let bystander = Server::start(folder.path());

    let before = assert_unnoticed(&calm, &[]);
    let (under, beside) = thread::scope(|scope| {
        let beside = scope.spawn(|| calm_client(bystander.address, siege.lasts));
        (assert_unnoticed(&siege, &[]), beside.join().unwrap())
    });

    println!("p99 {:?} of {} calm answers", before.p99, before.answered);
    println!("p99 {:?} of {} answers beside {} slow connections", under.p99, under.answered, under.attacks);
    println!("p99 {:?} of another server on this machine meanwhile, which nobody attacks", beside.p99);
}
