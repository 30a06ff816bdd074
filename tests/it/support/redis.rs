//! A private Redis for one test: no data, no port and no process is shared with anyone.
//!
//! ```ignore
//! let server = RedisServer::start();
//! let store = RedisStore::connect(RedisOptions::from_url(&server.url())?).await?;
//!
//! assert_eq!(server.cli(&["DBSIZE"]), "1");
//! ```
//!
//! It keeps an append-only file that it never waits for (`appendfsync no`), and no snapshots. It ends as
//! [`PostgresServer`](super::postgres::PostgresServer) does. Calls block the thread that makes them.

mod aof;
mod builder;
mod cluster;
mod programs;

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

pub(crate) use self::builder::Builder;
#[allow(unused_imports, reason = "benches and the server's tests need no cluster")]
pub(crate) use self::cluster::RedisCluster;
use super::command;
use super::guardian::{self, Guardian};
use super::log::{Log, Seen};
use super::percent_encoding::percent_encoded;
use super::programs::quiet;

/// What a server says when all of its data is there.
const READY: &str = "Ready to accept connections";
/// What it says when it listens, and answers `LOADING` until its data is there.
const LISTENING: &str = "Server initialized";

/// A running Redis server on `127.0.0.1`; see the [module](self).
#[derive(Debug)]
pub(crate) struct RedisServer {
    // Before the folder, so that the server has ended when its folder goes.
    guardian: Option<Guardian>,
    program: PathBuf,
    folder: TempDir,
    port: u16,
    // What a node of a cluster talks with the others on.
    bus_port: u16,
    log: Arc<Log>,
    password: Option<String>,
    authority: Option<PathBuf>,
}

// === impl RedisServer ===

impl RedisServer {
    /// Starts a server with the settings of [`Builder::default`].
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    /// Begins a server with other settings.
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// The servers on this machine that speak Redis's protocol: Redis, and Valkey where it is installed.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn programs() -> Vec<PathBuf> {
        programs::servers()
    }

    /// Where it listens, the same for as long as the server lives.
    pub(crate) fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The URL of the default user and database 0.
    pub(crate) fn url(&self) -> String {
        let user = self.password.as_deref().map(|password| format!(":{}@", percent_encoded(password)));
        format!("{}://{}{}/0", self.scheme(), user.unwrap_or_default(), self.addr())
    }

    /// The URL of any user.
    pub(crate) fn url_for(&self, user: &str, password: &str) -> String {
        let [user, password] = [user, password].map(percent_encoded);
        format!("{}://{user}:{password}@{}/0", self.scheme(), self.addr())
    }

    /// Runs a command as the default user and returns what `redis-cli` prints: a line a value, no last line end.
    ///
    /// # Panics
    ///
    /// With what the server said, if it refuses.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        self.try_cli(arguments).unwrap_or_else(|error| panic!("redis-cli refused {arguments:?}: {error}"))
    }

    /// Like [`cli`](Self::cli); what the server or `redis-cli` says is the error.
    pub(crate) fn try_cli(&self, arguments: &[&str]) -> Result<String, String> {
        command::output(&mut self.client(arguments), "")
    }

    /// Begins a command that the server does not answer soon.
    pub(crate) fn begin_cli(&self, arguments: &[&str]) -> Child {
        self.client(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut cli = programs::client();
        // `-e` makes a refusal a failure.
        cli.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--no-auth-warning", "-e"]);
        if let Some(authority) = &self.authority {
            cli.arg("--tls").arg("--cacert").arg(authority);
        }
        if let Some(password) = &self.password {
            cli.args(["-a", password]);
        }
        cli.args(arguments);
        cli
    }

    /// The PEM file of the authority that issued the server's certificate.
    ///
    /// # Panics
    ///
    /// If the server was started without [`Builder::tls`].
    pub(crate) fn authority_pem(&self) -> &Path {
        self.authority.as_deref().expect("a server that was built with `tls()`")
    }

    /// The folder of the server; the append-only file is in `appendonlydir`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        let file = fs::read_to_string(self.folder().join("server.pid")).expect("the server runs");
        file.trim().parse().expect("it holds the process id")
    }

    /// Everything the server logged since its first start.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Adds a line of `redis.conf` for the next start.
    pub(crate) fn configure(&self, name: &str, value: &str) {
        let file = fs::File::options().append(true).open(self.folder().join("redis.conf"));
        writeln!(file.unwrap(), "{name} {value}").unwrap();
    }

    /// Makes the next start take seconds, in which the server answers `LOADING`.
    pub(crate) fn slow_to_load(&self) {
        self.cli(&["EVAL", "for key = 1, 20000 do redis.call('SET', 'filler:' .. key, 'x') end", "0"]);
        self.configure("key-load-delay", "100");
        self.configure("loading-process-events-interval-bytes", "1024");
    }

    /// Ends the server as an administrator does: everything is written.
    pub(crate) fn stop(&mut self) {
        self.halt("TERM");
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn kill_9(&mut self) {
        self.halt("KILL");
    }

    /// Lets the server do nothing, with its connections open, until [`thaw`](Self::thaw).
    pub(crate) fn freeze(&self) {
        guardian::signal("STOP", self.pid());
    }

    /// Takes back a [`freeze`](Self::freeze).
    pub(crate) fn thaw(&self) {
        guardian::signal("CONT", self.pid());
    }

    /// Starts a server that was stopped or killed, on the same data and the same port.
    pub(crate) fn start_again(&mut self) {
        self.relaunch(READY);
    }

    /// Like [`start_again`](Self::start_again), but returns when it listens, while it may still load its data.
    pub(crate) fn start_loading(&mut self) {
        self.relaunch(LISTENING);
    }

    /// Waits until a server loaded its data.
    pub(crate) fn wait_until_loaded(&self) {
        let last_start = self.log().rfind(LISTENING).expect("the server was started");
        assert!(matches!(self.log.wait_for(last_start, READY), Seen::Text), "Redis did not load:\n{}", self.log());
    }

    /// Takes so many bytes off the end of the append-only file, as a machine does that loses its power.
    ///
    /// # Panics
    ///
    /// If the server runs, or has not so many.
    pub(crate) fn truncate_aof(&self, bytes: u64) {
        assert!(self.guardian.is_none(), "a server that runs would write on");
        aof::truncate(self.folder(), bytes);
    }

    fn scheme(&self) -> &str {
        if self.authority.is_some() { "rediss" } else { "redis" }
    }

    fn relaunch(&mut self, until: &str) {
        assert!(self.guardian.is_none(), "the server runs already");
        assert!(self.launch(until), "the port was taken meanwhile:\n{}", self.log());
    }

    /// Starts the server and waits until it says `until`; false if something else has the port.
    fn launch(&mut self, until: &str) -> bool {
        let before = self.log.len();
        let port = self.port.to_string();
        let mut server = quiet(&self.program);
        server.arg(self.folder().join("redis.conf"));
        match self.authority {
            Some(_) => server.args(["--port", "0", "--tls-port", &port]),
            None => server.args(["--port", &port]),
        };
        server.args(["--cluster-port", &self.bus_port.to_string()]);
        self.guardian = Some(Guardian::start(quiet("sh"), &server, "KILL", self.folder(), &self.log));
        match self.log.wait_for(before, until) {
            Seen::Text => true,
            Seen::End if self.log()[before..].contains("Address already in use") => {
                self.guardian.take().expect("started above").release();
                false
            }
            Seen::End | Seen::Nothing => panic!("Redis did not start:\n{}", self.log()),
        }
    }

    fn halt(&mut self, signal: &str) {
        let server = self.pid();
        let guardian = self.guardian.take().expect("the server runs");
        guardian::signal(signal, server);
        assert!(self.log.wait_for_end(), "Redis did not end on SIG{signal}:\n{}", self.log());
        guardian.release();
    }
}
