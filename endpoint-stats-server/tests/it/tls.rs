//! The server over TLS, as curl sees it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::command::{PATIENCE, Server, run, stderr, stdout};
use crate::http;
use crate::support::certificates::{Certificates, issue};

/// A folder for a store, with certificates in a folder of their own.
struct Place {
    folder: tempfile::TempDir,
    certificates: Certificates,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = issue_in(&folder.path().join("first"));
        Self { folder, certificates }
    }

    fn server(&self, arguments: &[&str]) -> Server {
        let (certificate, key) = (text(&self.certificates.server), text(&self.certificates.server_key));
        let tls = ["--tls-cert", certificate, "--tls-key", key];
        Server::start_with(self.folder.path(), &[&tls, arguments].concat())
    }

    /// A certificate of another authority.
    fn another(&self) -> Certificates {
        issue_in(&self.folder.path().join("second"))
    }

    fn show(&self, other: &Certificates) {
        fs::copy(&other.server_key, &self.certificates.server_key).unwrap();
        fs::copy(&other.server, &self.certificates.server).unwrap();
    }
}

fn issue_in(folder: &Path) -> Certificates {
    fs::create_dir(folder).unwrap();
    issue(folder)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn curl(address: SocketAddr, authority: &Path, arguments: &[&str]) -> Output {
    let url = format!("https://localhost:{}/health", address.port());
    let resolve = format!("localhost:{}:127.0.0.1", address.port());
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--resolve", &resolve, "--cacert"])
        .arg(authority)
        .args(arguments)
        .arg(url)
        .output()
        .expect("curl is installed by setup.sh")
}

#[track_caller]
fn assert_answered(output: &Output) {
    assert_eq!(stdout(output), r#"{"status":"ok"}"#, "{}", stderr(output));
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let place = Place::new();
    let server = place.server(&[]);
    let authority = &place.certificates.authority;

    assert_answered(&curl(server.address, authority, &[]));
    assert_answered(&curl(server.address, authority, &["--tls-max", "1.2"]));
    assert!(!curl(server.address, authority, &["--tls-max", "1.1"]).status.success());
}

#[test]
fn who_speaks_plainly_to_tls_gets_no_answer_and_harms_nobody() {
    let place = Place::new();
    let server = place.server(&["--handshake-timeout-secs", "0.2"]);
    let mut silent = TcpStream::connect(server.address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();

    let plain = http::get(server.address, "/health");

    assert!(plain.is_err(), "{plain:?}");
    assert_eq!(silent.read(&mut [0; 8]).expect("the server closes the connection"), 0);
    assert_answered(&curl(server.address, &place.certificates.authority, &[]));
}

#[test]
fn the_admin_listener_is_plain_unless_it_is_told_not_to_be() {
    let place = Place::new();
    let authority = &place.certificates.authority;
    let plain = place.server(&["--admin-listen", "127.0.0.1:0"]);
    let admin = plain.wait_for_address("health and metrics on http://");
    assert_eq!(http::get(admin, "/health").unwrap().status, 200);

    let encrypted = place.server(&["--admin-listen", "127.0.0.1:0", "--admin-tls"]);
    let admin = encrypted.wait_for_address("health and metrics on https://");
    assert_answered(&curl(admin, authority, &[]));
}

#[test]
fn a_new_certificate_is_shown_without_a_restart_and_without_a_failure_under_load() {
    let place = Place::new();
    let server = place.server(&["--max-connections-per-address", "1000"]);
    let other = place.another();
    let both = place.folder.path().join("both.pem");
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
    fs::write(&both, read(&place.certificates.authority) + read(&other.authority).as_str()).unwrap();
    let (asked, is_over) = (AtomicU64::new(0), AtomicBool::new(false));

    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    assert_answered(&curl(server.address, &both, &[]));
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        place.show(&other);
        server.wait_for("the TLS certificate was read anew");
        is_over.store(true, Ordering::SeqCst);
    });

    assert!(asked.into_inner() > 0);
    assert_answered(&curl(server.address, &other.authority, &[]));
    assert!(!curl(server.address, &place.certificates.authority, &[]).status.success());
}

#[test]
fn a_certificate_that_never_ends_does_not_hold_up_the_end() {
    let place = Place::new();
    let server = place.server(&[]);
    let pipe = place.folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, &place.certificates.server).unwrap();
    let _reader_is_there = fs::OpenOptions::new().write(true).open(&place.certificates.server).unwrap();

    assert!(server.stop().success());
}

#[test]
fn a_handshake_that_was_not_begun_does_not_hold_up_the_end() {
    let place = Place::new();
    let server = place.server(&["--handshake-timeout-secs", "600", "--drain-secs", "60"]);
    let _silent = TcpStream::connect(server.address).unwrap();
    assert_answered(&curl(server.address, &place.certificates.authority, &[]));

    let said = server.stop_and_read_log();

    assert!(!said.contains("cut off"), "{said}");
}

#[test]
fn a_new_certificate_that_is_none_changes_nothing() {
    let place = Place::new();
    let server = place.server(&[]);

    fs::write(&place.certificates.server, "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n").unwrap();
    let said = server.wait_for("the old one stays");

    assert!(said.contains("--tls-key") || said.contains("--tls-cert"), "{said}");
    assert_answered(&curl(server.address, &place.certificates.authority, &[]));
}

#[test]
fn a_key_of_another_certificate_ends_the_start() {
    let place = Place::new();
    let other = place.another();
    let certificate = text(&place.certificates.server);
    let refused = |arguments: &[&str]| {
        let url = crate::command::url(place.folder.path());
        let output = run(&[&["serve", "--listen", "127.0.0.1:0", "--database-url", &url], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output)
    };

    let wrong_key = refused(&["--tls-cert", certificate, "--tls-key", text(&other.server_key)]);
    let no_key = refused(&["--tls-cert", certificate]);
    let no_file = refused(&["--tls-cert", "/nonexistent/a.pem", "--tls-key", text(&other.server_key)]);
    let no_pem = refused(&["--tls-cert", text(&other.server_key), "--tls-key", text(&other.server_key)]);

    assert!(wrong_key.contains("`--tls-key`: expected the key of the certificate"), "{wrong_key}");
    assert!(no_key.contains("--tls-key"), "{no_key}");
    assert!(no_file.contains("/nonexistent/a.pem"), "{no_file}");
    assert!(no_pem.contains("`--tls-cert`: expected certificates in PEM"), "{no_pem}");
}

#[test]
fn a_handshake_cut_off_in_the_middle_harms_nobody() {
    let place = Place::new();
    let server = place.server(&[]);
    for bytes in [&[0x16, 3, 1][..], &[0x16, 3, 1, 0xff, 0xff], &[0xff; 512]] {
        TcpStream::connect(server.address).unwrap().write_all(bytes).unwrap();
    }

    assert_answered(&curl(server.address, &place.certificates.authority, &[]));
}
