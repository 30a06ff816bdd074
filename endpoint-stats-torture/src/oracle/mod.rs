//! The oracle: it hears what every writer attempts and learns, outlives all of them, and judges in the end.
//!
//! A writer says what it is about to do before it does it. What it said is with the kernel then, so that a writer that is
//! killed has said it.

pub(crate) mod ledger;
pub(crate) mod said;
mod settled;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use self::ledger::Ledger;
use self::said::{Said, Told};
pub(crate) use self::settled::Settled;

/// Listens to writers; see the [module](self).
#[derive(Debug)]
pub(crate) struct Oracle {
    address: SocketAddr,
    heard: Arc<Heard>,
    listening: JoinHandle<()>,
}

/// What the oracle has heard, for those who look while it listens.
#[derive(Debug)]
pub(crate) struct Heard {
    ledger: Mutex<Ledger>,
    writers: tokio::sync::Mutex<HashMap<String, OwnedWriteHalf>>,
    more: watch::Sender<()>,
}

// === impl Oracle ===

impl Oracle {
    pub(crate) async fn listen() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the oracle has no port")?;
        let address = listener.local_addr()?;
        let heard = Arc::new(Heard {
            ledger: Mutex::default(),
            writers: tokio::sync::Mutex::default(),
            more: watch::Sender::new(()),
        });
        let listening = tokio::spawn(accept(listener, Arc::clone(&heard)));
        Ok(Self { address, heard, listening })
    }

    /// Where writers call.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was said so far.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.heard.ledger()
    }

    /// The same, for another task.
    pub(crate) fn heard(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// Orders something of a writer that has said hello.
    pub(crate) async fn tell(&self, process: &str, told: Told) -> anyhow::Result<()> {
        let mut writers = self.heard.writers.lock().await;
        let Some(writer) = writers.get_mut(process) else { bail!("{process} never called the oracle") };
        let mut line = serde_json::to_vec(&told)?;
        line.push(b'\n');
        writer.write_all(&line).await.with_context(|| format!("{process} does not listen"))
    }

    /// Waits until what was said is enough.
    pub(crate) async fn until(
        &self,
        what: &str,
        within: Duration,
        mut enough: impl FnMut(&Ledger) -> bool,
    ) -> anyhow::Result<()> {
        let mut more = self.heard.more.subscribe();
        let waited = timeout(within, async {
            while !enough(&self.ledger()) {
                // The sender lives as long as this oracle.
                if more.changed().await.is_err() {
                    break;
                }
            }
        });
        waited.await.with_context(|| format!("not within {within:?}: {what}"))
    }

    /// Waits until everything that a process said has been heard.
    pub(crate) async fn until_silent(&self, process: &str) -> anyhow::Result<()> {
        let is_silent = |ledger: &Ledger| ledger.processes.get(process).is_none_or(|process| !process.is_connected);
        self.until(&format!("{process} has ended"), Duration::from_secs(30), is_silent).await
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Heard {
    /// What was said so far.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Ledger)) {
        change(&mut self.ledger());
        self.more.send_replace(());
    }
}

async fn accept(listener: TcpListener, heard: Arc<Heard>) {
    loop {
        let Ok((writer, _)) = listener.accept().await else { continue };
        tokio::spawn(listen_to(writer, Arc::clone(&heard)));
    }
}

/// Writes down what a writer says, to its last whole line.
async fn listen_to(writer: TcpStream, heard: Arc<Heard>) {
    let (reading, writing) = writer.into_split();
    let mut lines = BufReader::new(reading);
    let mut line = String::new();
    let Some(Said::Hello { process }) = next(&mut lines, &mut line).await else { return };
    heard.writers.lock().await.insert(process.clone(), writing);
    heard.change(|ledger| ledger.note(&process, Said::Hello { process: process.clone() }));
    while let Some(said) = next(&mut lines, &mut line).await {
        heard.change(|ledger| ledger.note(&process, said));
    }
    heard.change(|ledger| ledger.hang_up(&process));
}

async fn next(lines: &mut (impl AsyncBufReadExt + Unpin), line: &mut String) -> Option<Said> {
    line.clear();
    lines.read_line(line).await.ok().filter(|bytes| *bytes > 0)?;
    // A line without an end was cut off by a kill: its writer had not done it yet.
    serde_json::from_str(line.strip_suffix('\n')?).ok()
}
