//! A program that answers HTTP on a port of its own, and ends with the test that started it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use super::guardian::Guardian;
use super::log::{Log, Seen};
use super::ports::ports;
use super::programs::{find, quiet};

/// A running program on `127.0.0.1`, killed when dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    // Before the folder, so that the program has ended when its folder goes.
    guardian: Option<Guardian>,
    folder: TempDir,
    address: SocketAddr,
    log: Arc<Log>,
}

impl Daemon {
    /// Starts the first of some programs that is there, on a free port, with a folder of its own; it is up when it says
    /// `ready`.
    ///
    /// # Panics
    ///
    /// If none of the programs is installed, or if it does not start within 30 seconds.
    pub(super) fn start(
        names: &[&str],
        ready: &str,
        folder: TempDir,
        set_up: impl Fn(&mut Command, SocketAddr),
    ) -> Self {
        let program = find(names);
        let mut daemon = Self { guardian: None, folder, address: (Ipv4Addr::LOCALHOST, 0).into(), log: Arc::default() };
        let started = ports().map(|port| (Ipv4Addr::LOCALHOST, port).into()).any(|address| {
            let mut command = quiet(&program);
            set_up(&mut command, address);
            daemon.launch(&command, address, ready)
        });
        assert!(started, "no free port for {}:\n{}", names[0], daemon.log.text());
        daemon
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything it has said.
    pub(super) fn log(&self) -> String {
        self.log.text()
    }

    /// Starts the program; false if something else has the port.
    fn launch(&mut self, command: &Command, address: SocketAddr, ready: &str) -> bool {
        if TcpListener::bind(address).is_err() {
            return false;
        }
        let before = self.log.len();
        let mut shell = quiet("sh");
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.guardian = Some(Guardian::start(shell, command, "KILL", self.folder.path(), &self.log));
        self.address = address;
        match self.log.wait_for(before, ready) {
            Seen::Text => true,
            Seen::End if self.log.text()[before..].contains("address already in use") => {
                self.guardian.take().expect("started above").release();
                false
            }
            Seen::End | Seen::Nothing => {
                panic!("{} did not start:\n{}", command.get_program().display(), self.log.text())
            }
        }
    }
}
