//! [`Line`]: from a writer to the oracle.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use tokio::sync::mpsc;

use crate::oracle::said::{Said, Told};

/// What is said here is with the kernel when the call returns, and outlives this process.
#[derive(Clone, Debug)]
pub(super) struct Line(Arc<Mutex<TcpStream>>);

impl Line {
    /// Calls the oracle; what it orders arrives in the channel, which ends with it.
    pub(super) fn call(oracle: SocketAddr, process: &str) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<Told>)> {
        let stream = TcpStream::connect(oracle).context("the oracle does not answer")?;
        stream.set_nodelay(true)?;
        let (orders, ordered) = mpsc::unbounded_channel();
        let lines = BufReader::new(stream.try_clone()?).lines();
        thread::spawn(move || {
            let understood = lines.map_while(Result::ok).map_while(|line| serde_json::from_str(&line).ok());
            understood.take_while(|told| orders.send(*told).is_ok()).for_each(drop);
        });
        let line = Self(Arc::new(Mutex::new(stream)));
        line.say(&Said::Hello { process: process.to_owned() });
        Ok((line, ordered))
    }

    /// Tells the oracle; a writer that nobody hears ends, because nobody could judge it.
    pub(super) fn say(&self, said: &Said) {
        let mut text = serde_json::to_vec(said).expect("it is only numbers and names");
        text.push(b'\n');
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text);
        if sent.is_err() {
            std::process::exit(3);
        }
    }
}
