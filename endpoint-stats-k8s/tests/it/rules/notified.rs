//! [`Notified`]: a running Alertmanager with the package's configuration.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{alertmanager, program};

/// A running Alertmanager with the package's configuration; it ends when it is dropped.
///
/// The files of its secrets are not there, so it tells nobody.
pub(super) struct Notified {
    process: Child,
    url: String,
    _data: TempDir,
}

impl Notified {
    pub(super) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = program("prometheus-alertmanager");
        command.arg(format!("--config.file={}", alertmanager::file().display()));
        command.arg(format!("--storage.path={}", data.path().display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().expect("a pipe"));
        let url = listening(log);
        Self { process, url, _data: data }
    }

    /// Raises an alert that has these labels.
    pub(super) fn raise(&self, labels: &[&str]) {
        let output = self.amtool(&["alert", "add"]).args(labels).output().unwrap();
        assert!(output.status.success(), "{labels:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Whether there is an alert with these labels, and whether another one mutes it.
    pub(super) fn is_muted(&self, labels: &[&str]) -> Option<bool> {
        let output = self.amtool(&["alert", "query", "--inhibited", "--active", "-o", "json"]).args(labels).output();
        let alerts: Value = serde_json::from_slice(&output.unwrap().stdout).ok()?;
        let by = alerts[0]["status"]["inhibitedBy"].as_array()?;
        Some(!by.is_empty())
    }

    fn amtool(&self, words: &[&str]) -> std::process::Command {
        let mut command = program("amtool");
        command.arg(format!("--alertmanager.url={}", self.url)).args(words);
        command
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the log until it says where; what comes later is read and forgotten, or the program would wait for a reader.
fn listening(log: impl BufRead + Send + 'static) -> String {
    let mut lines = log.lines().map_while(Result::ok);
    let mut before = Vec::new();
    for line in lines.by_ref() {
        if line.contains(r#"msg="Listening on""#) {
            let address = line.rsplit("address=").next().unwrap_or_default().to_owned();
            std::thread::spawn(move || lines.for_each(drop));
            return format!("http://{address}");
        }
        before.push(line);
    }
    panic!("alertmanager did not start:\n{}", before.join("\n"));
}
