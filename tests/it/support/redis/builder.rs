//! [`Builder`]: how a server starts.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::certificates;
use super::super::ports::ports;
use super::{READY, RedisServer, programs};

/// What a [`RedisServer`] starts with.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    program: Option<PathBuf>,
    lines: String,
    password: Option<String>,
    tls: bool,
}

// === impl Builder ===

impl Builder {
    /// Adds a line of `redis.conf`, written as it stands there; the last line of a name counts.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        writeln!(self.lines, "{name} {value}").expect("a String takes everything");
        self
    }

    /// Lets nobody in without this password.
    pub(crate) fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
        self.setting("requirepass", &format!("\"{quoted}\""))
    }

    /// Takes connections with TLS only, by a certificate of [`RedisServer::authority_pem`].
    pub(crate) fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts this server, one of [`RedisServer::programs`].
    pub(crate) fn program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Starts the server and returns when it answers.
    ///
    /// # Panics
    ///
    /// If there is no Redis on this machine, or if it does not answer within 30 seconds.
    pub(crate) fn start(mut self) -> RedisServer {
        let program = self.program.take().unwrap_or_else(|| programs::servers().swap_remove(0));
        let folder = tempfile::Builder::new().prefix("endpoint-stats-redis-").tempdir().unwrap();
        let authority = self.tls.then(|| self.issue_certificate(folder.path()));
        let path = |name: &str| format!("\"{}\"", folder.path().join(name).display());
        self = self.setting("dir", &path("")).setting("pidfile", &path("server.pid"));
        fs::write(folder.path().join("redis.conf"), &self.lines).unwrap();
        let (log, password) = (Arc::default(), self.password);
        let mut server =
            RedisServer { guardian: None, program, folder, port: 0, bus_port: 0, log, password, authority };
        let started = ports().zip(ports()).any(|(port, bus_port)| {
            (server.port, server.bus_port) = (port, bus_port);
            server.launch(READY)
        });
        assert!(started, "no free port:\n{}", server.log());
        server
    }

    fn issue_certificate(&mut self, folder: &Path) -> PathBuf {
        let issued = certificates::issue(folder);
        let files = [
            ("tls-cert-file", &issued.server),
            ("tls-key-file", &issued.server_key),
            ("tls-ca-cert-file", &issued.authority),
        ];
        for (name, path) in files {
            writeln!(self.lines, "{name} \"{}\"", path.display()).expect("a String takes everything");
        }
        self.lines.push_str("tls-auth-clients no\n");
        issued.authority
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self { program: None, lines: String::new(), password: None, tls: false }
            .setting("bind", "127.0.0.1")
            .setting("save", "\"\"")
            .setting("appendonly", "yes")
            .setting("appendfsync", "no")
            .setting("enable-debug-command", "local")
            .setting("busy-reply-threshold", "100")
    }
}
