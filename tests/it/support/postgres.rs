//! A private PostgreSQL for one test: no data, no port and no process is shared with anyone.
//!
//! ```ignore
//! let server = PostgresServer::start();
//! let url = server.create_database("shop");
//!
//! assert_eq!(server.psql("shop", "SELECT 1 + 1"), "2");
//! ```
//!
//! The server ends with the test that started it, however that ends: by [`Drop`], or because its guardian, a process
//! that reads a pipe from the test process, sees the end of that pipe. Calls block the thread that makes them.

mod programs;
mod template;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use self::programs::Programs;
use super::guardian::{self, Guardian};
use super::log::{Log, Seen};
use super::percent_encoding::percent_encoded;
use super::ports::ports;
use super::{certificates, command};

/// The superuser of every server.
pub(crate) const OWNER: &str = "postgres";
/// The password of [`OWNER`].
pub(crate) const OWNER_PASSWORD: &str = "owner-password";

/// A running PostgreSQL server on `127.0.0.1`; see the [module](self).
#[derive(Debug)]
pub(crate) struct PostgresServer {
    // Before the folder, so that the server has ended when its folder goes.
    guardian: Option<Guardian>,
    programs: Programs,
    folder: TempDir,
    port: u16,
    log: Arc<Log>,
    authority: Option<PathBuf>,
}

/// What a [`PostgresServer`] starts with.
#[derive(Debug)]
pub(crate) struct Builder {
    settings: Vec<(String, String)>,
    tls: bool,
}

// === impl Builder ===

impl Builder {
    /// Adds a line of `postgresql.conf`; the last line of a name counts.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// Writes to the disk what is committed, as a server in production does; without it a server is faster.
    pub(crate) fn durable(self) -> Self {
        self.setting("fsync", "on").setting("full_page_writes", "on").setting("synchronous_commit", "on")
    }

    /// Also takes connections with TLS, by a certificate of [`PostgresServer::authority_pem`].
    pub(crate) fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts the server and returns when it answers.
    ///
    /// # Panics
    ///
    /// If there is no PostgreSQL on this machine, or if it does not answer within 30 seconds.
    pub(crate) fn start(mut self) -> PostgresServer {
        let programs = Programs::find();
        let folder = programs.folder();
        template::unpack(&programs, &folder.path().join("data"));
        let authority = self.tls.then(|| self.issue_certificate(&programs, folder.path()));
        self = self.setting("unix_socket_directories", &folder.path().display().to_string());
        self.append_settings(&folder.path().join("data/postgresql.conf"));
        let mut server = PostgresServer { guardian: None, programs, folder, port: 0, log: Arc::default(), authority };
        let port = ports().find(|port| server.launch(*port));
        assert!(port.is_some(), "no free port:\n{}", server.log());
        server
    }

    fn issue_certificate(&mut self, programs: &Programs, folder: &Path) -> PathBuf {
        let issued = certificates::issue(folder);
        fs::set_permissions(&issued.server_key, fs::Permissions::from_mode(0o600)).unwrap();
        programs.own(&issued.server_key);
        let of_server = [("ssl_cert_file", &issued.server), ("ssl_key_file", &issued.server_key)];
        self.settings.extend(of_server.map(|(name, path)| (name.to_owned(), path.display().to_string())));
        self.settings.push(("ssl".to_owned(), "on".to_owned()));
        issued.authority
    }

    fn append_settings(&self, file: &Path) {
        let mut lines = String::new();
        for (name, value) in &self.settings {
            writeln!(lines, "{name} = '{}'", value.replace('\'', "''")).expect("a String takes everything");
        }
        fs::File::options().append(true).open(file).unwrap().write_all(lines.as_bytes()).unwrap();
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self { settings: Vec::new(), tls: false }
            .setting("listen_addresses", "127.0.0.1")
            .setting("shared_buffers", "32MB")
            .setting("max_connections", "60")
            .setting("fsync", "off")
            .setting("full_page_writes", "off")
            .setting("timezone", "UTC")
            .setting("log_timezone", "UTC")
            .setting("log_line_prefix", "%m [%p] %q%u@%d ")
    }
}

// === impl PostgresServer ===

impl PostgresServer {
    /// Starts a server with the settings of [`Builder::default`].
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    /// Begins a server with other settings.
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// The port on `127.0.0.1`, the same for as long as the server lives.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the superuser and the database `postgres`.
    pub(crate) fn url(&self) -> String {
        self.url_for(OWNER, OWNER_PASSWORD, "postgres")
    }

    /// The URL of any user and database.
    pub(crate) fn url_for(&self, user: &str, password: &str, database: &str) -> String {
        let [user, password, database] = [user, password, database].map(percent_encoded);
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database and returns the superuser's URL of it.
    pub(crate) fn create_database(&self, name: &str) -> String {
        self.psql("postgres", &format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")));
        self.url_for(OWNER, OWNER_PASSWORD, name)
    }

    /// Runs SQL as the superuser and returns the rows: columns split by `|`, no headings, no last line end.
    ///
    /// # Panics
    ///
    /// With the text of `psql`, if a statement fails.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(&self.url_for(OWNER, OWNER_PASSWORD, database), sql)
            .unwrap_or_else(|error| panic!("psql refused {sql:?}: {error}"))
    }

    /// Like [`psql`](Self::psql) at any URL, which may lead through a proxy; what `psql` complains of is the error.
    pub(crate) fn try_psql(&self, url: &str, sql: &str) -> Result<String, String> {
        let options = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url];
        command::output(self.programs.command("psql").args(options), sql)
    }

    /// The PEM file of the authority that issued the server's certificate.
    ///
    /// # Panics
    ///
    /// If the server was started without [`Builder::tls`].
    pub(crate) fn authority_pem(&self) -> &Path {
        self.authority.as_deref().expect("a server that was built with `tls()`")
    }

    /// The folder of the server, with its Unix socket; the data is in `data`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process that all others of the server descend from.
    pub(crate) fn postmaster_pid(&self) -> u32 {
        let file = fs::read_to_string(self.folder().join("data/postmaster.pid")).expect("the server runs");
        file.lines().next().and_then(|line| line.parse().ok()).expect("the first line is the process id")
    }

    /// Everything the server logged since its first start.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Ends the server as an administrator does: open transactions are rolled back, everything is written.
    pub(crate) fn stop(&mut self) {
        self.halt("INT");
    }

    /// Ends the server at once, as `pg_ctl stop -m immediate` does: the next start has to recover.
    pub(crate) fn kill_immediately(&mut self) {
        self.halt("QUIT");
    }

    /// Kills the postmaster with SIGKILL and waits until its children have seen that and are gone too.
    pub(crate) fn kill_9(&mut self) {
        self.halt("KILL");
    }

    /// Starts a server that was stopped or killed, on the same data and the same port.
    pub(crate) fn start_again(&mut self) {
        assert!(self.guardian.is_none(), "the server runs already");
        assert!(self.launch(self.port), "the port was taken meanwhile:\n{}", self.log());
    }

    /// Starts the server; false if something else has the port.
    fn launch(&mut self, port: u16) -> bool {
        let before = self.log.len();
        let mut server = self.programs.command("postgres");
        server.arg("-D").arg(self.folder().join("data")).args(["-p", &port.to_string()]);
        let shell = self.programs.system_command("sh");
        self.guardian = Some(Guardian::start(shell, &server, "QUIT", self.folder(), &self.log));
        self.port = port;
        match self.log.wait_for(before, "database system is ready to accept connections") {
            Seen::Text => true,
            Seen::End if self.log()[before..].contains("Address already in use") => {
                self.guardian.take().expect("started above").release();
                false
            }
            Seen::End | Seen::Nothing => panic!("PostgreSQL did not start:\n{}", self.log()),
        }
    }

    fn halt(&mut self, signal: &str) {
        let postmaster = self.postmaster_pid();
        let guardian = self.guardian.take().expect("the server runs");
        guardian::signal(signal, postmaster);
        assert!(self.log.wait_for_end(), "PostgreSQL did not end on SIG{signal}:\n{}", self.log());
        guardian.release();
    }
}
