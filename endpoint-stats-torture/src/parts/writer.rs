//! [`Writer`]: a process that counts, over all its lives.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;

use super::program::{Ended, Program};
use crate::oracle::said::{Account, Told};
use crate::oracle::{Ledger, Oracle};
use crate::writer::Broken;

/// How every writer is broken.
static BROKEN: OnceLock<Broken> = OnceLock::new();

/// A writer; each life of it is another process to the oracle.
#[derive(Debug)]
pub(crate) struct Writer {
    name: String,
    life: u32,
    options: Vec<String>,
    program: Program,
    wrapped: Option<Vec<String>>,
}

// === impl Writer ===

impl Writer {
    /// A writer that sends to a store, with more options of [`WriterArguments`](crate::writer::WriterArguments).
    pub(crate) fn new(name: impl Into<String>, store: &str, options: &[String]) -> anyhow::Result<Self> {
        let name = name.into();
        let broken = BROKEN.get().and_then(ValueEnum::to_possible_value);
        let broken = broken.iter().flat_map(|how| ["--broken".to_owned(), how.get_name().to_owned()]);
        let options = [&["--store".to_owned(), store.to_owned()], options].concat().into_iter().chain(broken).collect();
        Ok(Self { program: Program::new(name.clone())?, name, life: 0, options, wrapped: None })
    }

    /// With a folder for batches that survives its lives.
    pub(crate) fn with_spool(self) -> Self {
        let folder = self.program.folder().to_owned();
        self.with_spool_in(&folder)
    }

    /// The same, in a folder that is there.
    pub(crate) fn with_spool_in(mut self, folder: &Path) -> Self {
        self.options.extend(["--spool".to_owned(), folder.join("spool").display().to_string()]);
        self
    }

    /// Run by another program, whose arguments come before.
    pub(crate) fn wrapped_by(mut self, program: Vec<String>) -> Self {
        self.wrapped = Some(program);
        self
    }

    /// What the oracle calls its present life.
    pub(crate) fn process(&self) -> String {
        format!("{}#{}", self.name, self.life)
    }

    /// Breaks every writer that is made from now on.
    pub(crate) fn break_all(how: Broken) {
        _ = BROKEN.set(how);
    }

    /// Whether a process was one of its lives.
    pub(crate) fn has_lived_as(&self, process: &str) -> bool {
        process.split_once('#').is_some_and(|(name, _)| name == self.name)
    }

    /// Begins a life, and returns when the oracle has heard of it.
    pub(crate) async fn start(&mut self, oracle: &Oracle) -> anyhow::Result<()> {
        let process = self.begin(oracle)?;
        let what = format!("{process} says hello");
        let is_heard = |ledger: &Ledger| ledger.processes.get(&process).is_some_and(|process| process.is_connected);
        oracle.until(&what, Duration::from_secs(30), is_heard).await.with_context(|| self.program.log())
    }

    /// Begins a life that ends by itself.
    pub(crate) async fn start_in_vain(&mut self, oracle: &Oracle) -> anyhow::Result<Ended> {
        self.begin(oracle)?;
        self.program.end(Duration::from_secs(30)).await
    }

    fn begin(&mut self, oracle: &Oracle) -> anyhow::Result<String> {
        self.life += 1;
        let process = self.process();
        let this = std::env::current_exe().context("this program does not know itself")?;
        let arguments = ["writer".to_owned(), "--oracle".to_owned(), oracle.address().to_string()];
        let named = ["--process".to_owned(), process.clone(), "--seed".to_owned(), self.life.to_string()];
        let line =
            [vec![this.display().to_string()], arguments.to_vec(), named.to_vec(), self.options.clone()].concat();
        let line = [self.wrapped.clone().unwrap_or_default(), line].concat();
        let mut command = Command::new(&line[0]);
        self.program.start(command.args(&line[1..]), "")?;
        Ok(process)
    }

    /// Kills it, and hears its last words.
    pub(crate) async fn kill_9(&mut self, oracle: &Oracle) -> anyhow::Result<()> {
        let ended = self.program.kill_9().await?;
        ensure!(ended.code.is_none(), "{} had ended by itself, with {ended:?}:\n{}", self.process(), self.log());
        oracle.until_silent(&self.process()).await
    }

    /// Asks it to end; what its books say then, if it came to that.
    pub(crate) async fn terminate(
        &mut self,
        oracle: &Oracle,
        within: Duration,
    ) -> anyhow::Result<(Ended, Option<Account>)> {
        let ended = self.program.terminate(within).await?;
        oracle.until_silent(&self.process()).await?;
        let account = oracle.ledger().processes.get(&self.process()).and_then(|process| process.ended);
        Ok((ended, account))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.program.signal(name)
    }

    /// Its memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        self.program.memory()
    }

    /// Orders something.
    pub(crate) async fn tell(&self, oracle: &Oracle, told: Told) -> anyhow::Result<()> {
        oracle.tell(&self.process(), told).await
    }

    /// Everything it has said.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }
}
