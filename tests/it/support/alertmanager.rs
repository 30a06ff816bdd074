//! A private Alertmanager for one test; it ends as [`PostgresServer`](super::postgres::PostgresServer) does.

use std::fs;
use std::net::SocketAddr;

use super::daemon::Daemon;

/// A running Alertmanager on `127.0.0.1`, without others beside it.
#[derive(Debug)]
pub(crate) struct Alertmanager(Daemon);

impl Alertmanager {
    /// Starts a server with the text of a configuration and returns when it answers.
    ///
    /// # Panics
    ///
    /// If there is no Alertmanager on this machine, or if it does not take the configuration.
    pub(crate) fn start(config: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("endpoint-stats-alertmanager-").tempdir().unwrap();
        let (file, data) = (folder.path().join("alertmanager.yaml"), folder.path().join("data"));
        fs::write(&file, config).unwrap();
        // The first is what Debian calls it.
        let names = ["prometheus-alertmanager", "alertmanager"];
        Self(Daemon::start(&names, "Listening on", folder, |command, address| {
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--storage.path={}", data.display()));
            command.arg(format!("--web.listen-address={address}"));
            command.arg("--cluster.listen-address=");
        }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Everything it has said.
    pub(crate) fn log(&self) -> String {
        self.0.log()
    }
}
