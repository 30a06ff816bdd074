//! A client that does one thing: a request on a connection of its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::command::PATIENCE;

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

/// Asks for a path as a local client does.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Response> {
    get_with(address, path, &["host: localhost"])
}

/// The same with more lines in its head.
pub(crate) fn get_with(address: SocketAddr, path: &str, lines: &[&str]) -> io::Result<Response> {
    let head = [lines, &["connection: close"]].concat().join("\r\n");
    send(address, &format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n"))
}

/// Sends bytes as they are, and reads until the server closes.
pub(crate) fn send(address: SocketAddr, request: &str) -> io::Result<Response> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Response { status, head: head.to_owned(), body: body.to_owned() })
}
