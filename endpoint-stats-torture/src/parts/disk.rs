//! [`Disk`]: a small disk that can be filled and made read-only, in a mount namespace of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use tokio::task::block_in_place;

use super::program::Program;

/// Mounts a disk that lives as long as the process.
const HOLD: &str = r#"mount -t tmpfs -o "size=$1" tmpfs "$2" && echo mounted && exec sleep infinity"#;
const FILL: &str = r#"dd if=/dev/zero of="$1/filling" bs=4k 2>/dev/null; true"#;
const FREE: &str = r#"rm -f "$1/filling""#;
const READ_ONLY: &str = r#"mount -o remount,ro "$1""#;
const WRITABLE: &str = r#"mount -o remount,rw "$1""#;

/// A disk of a few megabytes. It outlives the processes that write to it.
#[derive(Debug)]
pub(crate) struct Disk {
    holder: Program,
}

impl Disk {
    pub(crate) fn of(bytes: u64) -> anyhow::Result<Self> {
        let mut holder = Program::new("disk")?;
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", HOLD, "disk", &bytes.to_string()]);
        command.arg(holder.folder());
        holder.start(&command, "mounted").context("this user may not mount a disk in a namespace of its own")?;
        Ok(Self { holder })
    }

    /// Where it is, to those who are [inside](Self::inside).
    pub(crate) fn folder(&self) -> PathBuf {
        self.holder.folder().to_owned()
    }

    /// What runs a program where the disk is.
    pub(crate) fn inside(&self) -> anyhow::Result<Vec<String>> {
        let process = self.holder.process()?.to_string();
        let words = ["nsenter", "--target", &process, "--user", "--mount", "--preserve-credentials", "--"];
        Ok(words.map(str::to_owned).to_vec())
    }

    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        self.run(FILL)
    }

    pub(crate) fn free(&self) -> anyhow::Result<()> {
        self.run(FREE)
    }

    /// Fails while somebody writes to it.
    pub(crate) fn make_read_only(&self) -> anyhow::Result<()> {
        self.run(READ_ONLY)
    }

    pub(crate) fn make_writable(&self) -> anyhow::Result<()> {
        self.run(WRITABLE)
    }

    fn run(&self, script: &str) -> anyhow::Result<()> {
        let words = self.inside()?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["sh", "-c", script, "disk"]).arg(self.folder());
        let output = block_in_place(|| command.output())?;
        ensure!(output.status.success(), "{script} failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}
