//! [`Server`]: the program, started and always stopped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::http::{self, Response};

/// Longer than anything takes on a busy machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program with some arguments, without the settings of whoever runs the tests.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_endpoint-stats-server"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program starts")
}

/// What the program printed.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the program complained about.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The URL of a database file in a folder.
pub(crate) fn url(folder: &Path) -> String {
    format!("sqlite://{}", file(folder).display())
}

/// The database file in a folder.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("stats.db")
}

/// Runs SQL through the `sqlite3` program: another process, another build of SQLite.
pub(crate) fn sqlite3(file: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3")
        .args(["-cmd", ".timeout 5000"])
        .arg(file)
        .arg(sql)
        .output()
        .expect("sqlite3 is installed by setup.sh");
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).trim().to_owned()
}

/// What `report` says of the hits of a route, or of all.
pub(crate) fn reported(url: &str, route: Option<&str>) -> u64 {
    let filter: Vec<_> = route.into_iter().flat_map(|route| ["--route", route]).collect();
    let output = run(&[&["report", "--json", "--database-url", url], &filter[..]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    report["totals"]["hits"].as_u64().unwrap()
}

/// A running `serve`, killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server on a free port with the database file of a folder.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same, with more arguments.
    pub(crate) fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_at(&url(folder), arguments)
    }

    /// The same, with any database.
    pub(crate) fn start_at(url: &str, arguments: &[&str]) -> Self {
        let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--database-url", url]);
        command.args(arguments);
        Self::spawn(command)
    }

    /// The same, with what a file of settings says.
    pub(crate) fn start_by_file(file: &str) -> Self {
        Self::spawn(program(&["serve", "--listen", "127.0.0.1:0", "--config", file]))
    }

    /// Runs a command that serves.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let lines = lines_of(child.stderr.take().expect("standard error is piped"));
        let mut server = Self { child, lines, address: ([127, 0, 0, 1], 0).into() };
        server.address = server.wait_for_address("listening on http");
        server
    }

    /// Waits for a log line that ends with an address.
    pub(crate) fn wait_for_address(&self, label: &str) -> SocketAddr {
        let line = self.wait_for(label);
        line.rsplit("://")
            .next()
            .and_then(|address| address.split('"').next()?.trim().parse().ok())
            .expect("an address")
    }

    /// Waits for a log line with some text in it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line with {text:?}: {error}"),
            }
        }
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        http::get(self.address, path).expect("the server answers")
    }

    /// The number that `/` or `/stats` gives for itself.
    pub(crate) fn access_count(&self, path: &str) -> u64 {
        self.get(path).json()["access_count"].as_u64().expect("a number")
    }

    /// The hits at a route, as `/stats` tells them.
    pub(crate) fn hits(&self, route: &str) -> u64 {
        self.get("/stats").json()["stats"][route].as_u64().unwrap_or(0)
    }

    /// The hits that the server says its store has acknowledged.
    pub(crate) fn stored(&self) -> u64 {
        self.metric("endpoint_stats_hits_stored_total").unwrap_or(0)
    }

    /// The first value of a metric.
    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        let metrics = self.get("/metrics").body;
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(['{', ' '])?.rsplit(' ').next()?.parse().ok();
        metrics.lines().find_map(value)
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the program ends")
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said since it was last listened to, until its end.
    pub(crate) fn last_words(self) -> String {
        self.end().1
    }

    /// Asks the server to end; gives its exit code, and everything it has said since it was last listened to.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        self.terminate();
        let code = self.wait().code();
        (code, self.lines.iter().collect::<Vec<_>>().join("\n"))
    }

    /// Asks the server to end, and waits for it.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.terminate();
        self.wait()
    }

    /// Asks the server to end, and gives the log lines that nobody has waited for.
    pub(crate) fn stop_and_read_log(mut self) -> String {
        self.terminate();
        self.wait();
        self.lines.iter().map(|line| line + "\n").collect()
    }

    /// Kills the server where it is.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the program can be killed");
        self.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(stream: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
