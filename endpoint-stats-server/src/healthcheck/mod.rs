//! Asking a running server whether it is well, from the same container.
//!
//! The server may speak plain HTTP or TLS; what does not answer as HTTP is asked again over TLS. Its certificate is not
//! verified: it is made for the name that others know the server by, nothing secret is sent, and whoever answers on the
//! server's own address is the server.

mod any_certificate;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use self::any_certificate::AnyCertificate;

/// An answer that is longer is not one to a question about health.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Asks over HTTP, and over TLS where that is not understood.
///
/// # Errors
///
/// When nobody answers, or something that is no HTTP.
pub async fn ask(address: SocketAddr, path: &str) -> io::Result<Health> {
    let plain = TcpStream::connect(address).await?;
    let answer = exchange(plain, address, path).await;
    match answer.ok().and_then(|answer| read(&answer)) {
        Some(health) => Ok(health),
        None => ask_over_tls(address, path).await,
    }
}

async fn ask_over_tls(address: SocketAddr, path: &str) -> io::Result<Health> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate::new()))
        .with_no_client_auth();
    let plain = TcpStream::connect(address).await?;
    let encrypted = TlsConnector::from(Arc::new(config)).connect(ServerName::from(address.ip()), plain).await?;
    let answer = exchange(encrypted, address, path).await?;
    read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    path: &str,
) -> io::Result<Vec<u8>> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await {
        // A server may close without saying so once it has answered.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(answer),
    }
}

fn read(answer: &[u8]) -> Option<Health> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim_end().parse().ok()?;
    Some(Health { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let health = read(b"HTTP/1.1 503 Service Unavailable\r\nserver: x\r\n\r\nnot ready").unwrap();

        assert_eq!(health, Health { status: 503, body: "not ready".to_owned() });
    }

    #[test]
    fn what_is_no_http_is_no_answer() {
        for bytes in
            [b"".as_slice(), b"\x15\x03\x01\x00\x02", b"HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200"]
        {
            assert_eq!(read(bytes), None);
        }
    }
}
