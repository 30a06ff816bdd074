//! Services that send batches to the program: over TLS, and while it is killed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use endpoint_stats_core::aggregate::{Counts, Delta};
use endpoint_stats_core::store::remote::RemoteOptions;
use endpoint_stats_core::store::{Applied, Batch, RemoteStore, StatsStore, StoreErrorKind, WriterId};
use endpoint_stats_core::window::{Timestamp, Width, Window};
use endpoint_stats_core::{Endpoint, Method, Outcome, Route, ServiceName};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::interval;
use tokio_rustls::TlsAcceptor;

use crate::command::{Server, reported, url};
use crate::support::certificates::{Certificates, issue};

const ROUNDS: u64 = 6;

pub(crate) fn batch(writer: WriterId, seq: u64) -> Batch {
    let at = Timestamp::from_unix(1_700_049_600);
    let delta = Delta {
        endpoint: Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new("/users/{id}").unwrap()),
        window: Window::containing(at, Width::TenSeconds),
        first_at: at,
        last_at: at,
        // Sums of different batches differ, so that no loss hides behind a double.
        counts: Counts { outcomes: [(Outcome::Status(200), seq)].into_iter().collect(), ..Counts::default() },
    };
    Batch::new(writer, seq, vec![delta])
}

pub(crate) fn connect(server: &Server) -> RemoteStore {
    RemoteStore::connect(RemoteOptions::from_url(&format!("http://{}", server.address)).unwrap()).unwrap()
}

/// Sends one batch after the other until one fails, and tells which.
async fn send(store: RemoteStore, writer: WriterId, from: u64, acknowledged: Arc<AtomicU64>) -> u64 {
    for seq in from.. {
        match store.apply(&batch(writer, seq)).await {
            Ok(Applied::Applied | Applied::Duplicate) => drop(acknowledged.fetch_add(1, Ordering::SeqCst)),
            Ok(gap @ Applied::Gap { .. }) => panic!("batch {seq} is answered with {gap:?}"),
            Err(_) => return seq,
        }
    }
    u64::MAX
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_it_takes_batches_has_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, mut next) = (WriterId::random(), 1);

    for round in 1..=ROUNDS {
        let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
        let acknowledged = Arc::<AtomicU64>::default();
        let sending = tokio::spawn(send(connect(&server), writer, next, Arc::clone(&acknowledged)));
        let mut looks = interval(Duration::from_millis(1));
        while acknowledged.load(Ordering::SeqCst) < round * 7 {
            looks.tick().await;
        }
        server.kill();
        next = sending.await.unwrap();
    }

    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
    let answer = connect(&server).apply(&batch(writer, next)).await.unwrap();
    assert!(matches!(answer, Applied::Applied | Applied::Duplicate), "{answer:?}");
    assert!(server.stop().success());
    assert_eq!(reported(&url(folder.path()), Some("/users/{id}")), (1..=next).sum::<u64>());
}

/// Takes TLS off what goes to a server, as a proxy in front of it does.
async fn with_tls(server: SocketAddr, certificates: &Certificates) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(&certificates.server).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&certificates.server_key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate hangs up.
            let Ok(mut client) = acceptor.accept(stream).await else { continue };
            let mut server = TcpStream::connect(server).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    address
}

fn over_tls(address: SocketAddr, root: Option<&Path>) -> RemoteStore {
    let options = RemoteOptions::from_url(&format!("https://localhost:{}", address.port())).unwrap();
    RemoteStore::connect(match root {
        Some(root) => options.with_root_certificate(root),
        None => options,
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_trusted_by_the_root_certificate_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--without-token", "everything"]);
    let (own, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (certificates, other) = (issue(own.path()), issue(others.path()));
    let address = with_tls(server.address, &certificates).await;
    let batch = batch(WriterId::random(), 1);

    for root in [None, Some(other.authority.as_path())] {
        let error = over_tls(address, root).apply(&batch).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    }
    let answer = over_tls(address, Some(&certificates.authority)).apply(&batch).await.unwrap();

    assert_eq!(answer, Applied::Applied);
}
