//! [`Program`]: one of our own programs, started, killed, stopped and started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::task::block_in_place;
use tokio::time::{Instant, timeout};

use crate::support::guardian::{Guardian, signal};
use crate::support::log::{Log, Seen};
use crate::support::programs::quiet;

/// Where logs are kept.
static LOGS: OnceLock<PathBuf> = OnceLock::new();

/// A program that ends with the run that started it, however that ends.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    // Before the folder, so that the program has ended when its folder goes.
    guardian: Option<Guardian>,
    folder: TempDir,
    log: Arc<Log>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) after: Duration,
}

impl Program {
    pub(crate) fn new(name: impl Into<String>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("endpoint-stats-torture-").tempdir()?;
        Ok(Self { name: name.into(), guardian: None, folder, log: Arc::default() })
    }

    /// A folder of its own, which stays for all of its starts.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it, and returns when it says `ready`; at once if that is nothing.
    pub(crate) fn start(&mut self, command: &Command, ready: &str) -> anyhow::Result<()> {
        ensure!(self.guardian.is_none(), "{} runs already", self.name);
        let before = self.log.len();
        let mut shell = quiet("sh");
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.guardian = Some(Guardian::start(shell, command, "KILL", self.folder.path(), &self.log));
        if ready.is_empty() {
            return Ok(());
        }
        match block_in_place(|| self.log.wait_for(before, ready)) {
            Seen::Text => Ok(()),
            Seen::End | Seen::Nothing => bail!("{} did not start:\n{}", self.name, &self.log.text()[before..]),
        }
    }

    /// Everything it has said.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Kills it with SIGKILL and waits until it is gone; it may have ended by itself just before.
    pub(crate) async fn kill_9(&mut self) -> anyhow::Result<Ended> {
        self.signal("KILL")?;
        self.end(Duration::from_secs(30)).await
    }

    /// Whether it ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.guardian.is_some() && self.log.has_ended()
    }

    /// Asks it to end, and waits for that for so long.
    pub(crate) async fn terminate(&mut self, within: Duration) -> anyhow::Result<Ended> {
        self.signal("TERM")?;
        self.end(within).await
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        signal(name, self.process()?);
        Ok(())
    }

    /// Its memory that is not on a disk, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process()?))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = resident.and_then(|line| line.split_whitespace().next()).context("Linux tells no RssAnon")?;
        Ok(kib.parse()?)
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> anyhow::Result<u32> {
        self.guardian.as_ref().map(Guardian::process).with_context(|| format!("{} does not run", self.name))
    }

    /// Waits until it has ended.
    pub(crate) async fn end(&mut self, within: Duration) -> anyhow::Result<Ended> {
        let guardian = self.guardian.take().with_context(|| format!("{} does not run", self.name))?;
        let asked = Instant::now();
        let log = Arc::clone(&self.log);
        let ended = timeout(within, tokio::task::spawn_blocking(move || log.wait_for_end())).await;
        let after = asked.elapsed();
        ensure!(matches!(ended, Ok(Ok(true))), "{} did not end within {within:?}:\n{}", self.name, self.tail());
        let code = tokio::task::spawn_blocking(move || guardian.release()).await?;
        Ok(Ended { code, after })
    }

    /// Keeps what every program says from now on, in this folder.
    pub(crate) fn keep_logs_in(folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("no folder {} for logs", folder.display()))?;
        _ = LOGS.set(folder.to_owned());
        Ok(())
    }

    fn tail(&self) -> String {
        let text = self.log.text();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let Some(folder) = LOGS.get() else { return };
        let number = self.folder.path().extension().or(self.folder.path().file_name()).unwrap_or_default();
        let file = folder.join(format!("{} {}.log", self.name, number.display()));
        // A log that cannot be kept changes nothing.
        _ = fs::write(file, self.log.text());
    }
}
