//! `healthcheck`: exit code 0 from a server that is well, and 1 from anything else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::command::{Server, file, program, run, stderr, stdout};
use crate::store_faults::Lock;

fn check(listen: SocketAddr, arguments: &[&str]) -> std::process::Output {
    run(&[&["healthcheck", "--listen", &listen.to_string()], arguments].concat())
}

/// Answers one connection after the other over TLS, with a certificate that nobody signed, and ends it as TLS wants, or
/// just so.
fn tls_server(says_goodbye: bool) -> SocketAddr {
    let certificate = rcgen::generate_simple_self_signed(["elsewhere.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .map(Arc::new)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for plain in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), plain);
            if stream.read(&mut [0; 1024]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwell");
                if says_goodbye {
                    stream.conn.send_close_notify();
                }
                let _ = stream.flush();
            }
        }
    });
    address
}

#[test]
fn a_server_that_is_well_gives_exit_code_0() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());

    let alive = check(server.address, &[]);
    let ready = check(server.address, &["--ready"]);

    assert!(alive.status.success() && ready.status.success(), "{} {}", stderr(&alive), stderr(&ready));
    assert_eq!(stdout(&alive), "{\"status\":\"ok\"}\n");
    assert_eq!(stdout(&ready), "{\"status\":\"ready\"}\n");
}

#[test]
fn the_other_address_is_asked_if_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--admin-listen", "127.0.0.1:0"]);
    let admin = server.wait_for_address("health and metrics on http://").to_string();

    assert!(check(server.address, &["--admin-listen", &admin]).status.success());
    assert_eq!(check(server.address, &[]).status.code(), Some(1));
}

#[test]
fn the_settings_of_serve_say_where_to_ask() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let config = folder.path().join("config.toml");
    let port = server.address.port();
    std::fs::write(&config, format!("[serve]\nlisten = \"0.0.0.0:{port}\"\nflush-secs = 2\n")).unwrap();

    let by_file = run(&["healthcheck", "--config", config.to_str().unwrap()]);
    let by_variable =
        program(&["healthcheck"]).env("ENDPOINT_STATS_LISTEN", format!("127.0.0.1:{port}")).output().unwrap();

    assert!(by_file.status.success(), "{}", stderr(&by_file));
    assert!(by_variable.status.success(), "{}", stderr(&by_variable));
}

#[test]
fn a_server_with_a_certificate_of_another_name_is_asked_over_tls() {
    for says_goodbye in [true, false] {
        let output = check(tls_server(says_goodbye), &[]);

        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stdout(&output), "well\n");
    }
}

#[test]
fn of_an_answer_without_end_only_the_start_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 1_024]).is_ok() {}
    });

    let output = check(address, &[]);

    assert!(output.status.success(), "{}", stderr(&output));
    assert!(output.stdout.len() <= 16 * 1_024, "{} bytes", output.stdout.len());
}

#[test]
fn a_server_that_is_not_ready_gives_exit_code_1_and_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let _lock = Lock::take(&file(folder.path()));

    let alive = check(server.address, &[]);
    let ready = check(server.address, &["--ready"]);

    assert!(alive.status.success(), "{}", stderr(&alive));
    assert_eq!(ready.status.code(), Some(1));
    let said = stderr(&ready);
    assert!(said.contains("/ready: 503 ") && said.contains("the store"), "{said}");
    assert!(ready.stdout.is_empty());
}

#[test]
fn nobody_there_gives_exit_code_1_and_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);

    let output = check(address, &[]);

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("/health: "), "{}", stderr(&output));
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();

    let output = check(silent.local_addr().unwrap(), &["--timeout-secs", "0.1"]);

    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no answer within 0.1 s"), "{}", stderr(&output));
}

#[test]
fn a_wrong_timeout_gives_exit_code_2() {
    for secs in ["0", "-1", "nan", "301"] {
        let output = run(&["healthcheck", &format!("--timeout-secs={secs}")]);

        assert_eq!(output.status.code(), Some(2), "{secs}: {}", stderr(&output));
    }
}
