//! [`Receiver`]: what Alertmanager tells.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// A message, as Slack and those like it would show it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Message {
    pub(super) receiver: String,
    pub(super) title: String,
    pub(super) link: String,
    pub(super) text: String,
}

/// Takes every message that is posted to it, and answers 200.
#[derive(Debug)]
pub(super) struct Receiver {
    folder: TempDir,
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    /// Listens on a free port, until the process ends.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self { folder: tempfile::tempdir().unwrap(), address, messages: Arc::default() };
        let messages = Arc::clone(&receiver.messages);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let messages = Arc::clone(&messages);
                thread::spawn(move || listen(stream, &messages));
            }
        });
        receiver
    }

    /// Where a receiver of `alertmanager.yaml` is posted to.
    pub(super) fn url_of(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// A place for files with URLs.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything it has been told.
    pub(super) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }
}

/// Takes the messages of one connection.
fn listen(stream: TcpStream, messages: &Mutex<Vec<Message>>) {
    let mut requests = BufReader::new(stream);
    while let Some((receiver, body)) = request(&mut requests) {
        messages.lock().unwrap().extend(attachments(&receiver, &body));
        let answered = requests.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        if answered.is_err() {
            return;
        }
    }
}

/// The path, without its slash, and the body of the next request.
fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut length = 0;
    while line.trim() != "" {
        line.clear();
        stream.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((path, serde_json::from_slice(&body).ok()?))
}

fn attachments(receiver: &str, message: &Value) -> Vec<Message> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_attachment = |attachment: &Value| Message {
        receiver: receiver.to_owned(),
        title: text(&attachment["title"]),
        link: text(&attachment["title_link"]),
        text: text(&attachment["text"]),
    };
    message["attachments"].as_array().into_iter().flatten().map(of_attachment).collect()
}
