//! [`Server`]: the program `endpoint-stats-server`, on one port for all of its lives.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, timeout};

use super::program::{Ended, Program};
use crate::support::ports::ports;

const PATIENCE: Duration = Duration::from_secs(10);

/// A server over some store.
#[derive(Debug)]
pub(crate) struct Server {
    program: Program,
    address: SocketAddr,
    executable: PathBuf,
    options: Vec<String>,
}

// === impl Server ===

impl Server {
    /// Starts a server on a free port.
    pub(crate) fn start(name: &str, executable: &Path, store: &str, options: &[&str]) -> anyhow::Result<Self> {
        let always = ["--database-url", store, "--without-token", "everything", "--flush-secs", "1"];
        let options = always.iter().chain(options).map(ToString::to_string).collect();
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let mut server = Self { program: Program::new(name)?, address, executable: executable.to_owned(), options };
        for port in ports().take(5) {
            server.address.set_port(port);
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error) if error.to_string().contains("in use") => server.program = Program::new(name)?,
                Err(error) => return Err(error),
            }
        }
        bail!("no free port for {name}")
    }

    /// Starts a server that was killed or has ended, on the same port, and waits until it listens.
    pub(crate) fn start_again(&mut self) -> anyhow::Result<()> {
        self.program.start(&self.command(), "listening on http://")
    }

    /// Starts a server that was killed or has ended, which will listen when its store is there.
    pub(crate) fn begin_again(&mut self) -> anyhow::Result<()> {
        self.program.start(&self.command(), "")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.arg("serve").arg("--listen").arg(self.address.to_string()).args(&self.options).env_clear();
        command
    }

    /// Is this program from its next start on.
    pub(crate) fn become_another(&mut self, executable: &Path) {
        executable.clone_into(&mut self.executable);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it with SIGKILL.
    pub(crate) async fn kill_9(&mut self) -> anyhow::Result<()> {
        self.program.kill_9().await.map(drop)
    }

    /// Starts it again if it ended because its store was away, as Kubernetes does; whether it had.
    pub(crate) async fn supervise(&mut self) -> anyhow::Result<bool> {
        if !self.program.has_ended() {
            return Ok(false);
        }
        let ended = self.program.end(PATIENCE).await?;
        ensure!(ended.code == Some(1), "a server ended with {ended:?}:\n{}", self.log());
        self.begin_again()?;
        Ok(true)
    }

    /// Waits until it is ready, and starts it again until it is.
    pub(crate) async fn until_ready(&mut self) -> anyhow::Result<()> {
        let mut looks = interval(Duration::from_millis(100));
        let end = Instant::now() + Duration::from_mins(1);
        while get(self.address, "/ready").await.is_err() {
            ensure!(Instant::now() < end, "a server is not ready after a minute:\n{}", self.log());
            self.supervise().await?;
            looks.tick().await;
        }
        Ok(())
    }

    pub(crate) async fn terminate(&mut self, within: Duration) -> anyhow::Result<Ended> {
        self.program.terminate(within).await
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.program.signal(name)
    }

    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// Its memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        self.program.memory()
    }

    /// Sends JSON and waits for JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = Request::post(path).header("content-type", "application/json");
        ask(self.address, request.body(Full::new(serde_json::to_vec(body)?.into()))?).await
    }
}

/// Asks a server for JSON.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Value> {
    ask(address, Request::get(path).body(Full::default())?).await
}

async fn ask(address: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<Value> {
    let path = request.uri().path().to_owned();
    timeout(PATIENCE, answer(address, request))
        .await
        .with_context(|| format!("no answer to {path} within {PATIENCE:?}"))?
}

async fn answer(address: SocketAddr, mut request: Request<Full<Bytes>>) -> anyhow::Result<Value> {
    request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
    let path = request.uri().path().to_owned();
    let stream = TcpStream::connect(address).await?;
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let response = client.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    drop(client);
    drop(connection.await);
    if status != StatusCode::OK {
        bail!("{path} was answered {status}: {}", String::from_utf8_lossy(&body));
    }
    serde_json::from_slice(&body).with_context(|| format!("{path} was not answered with JSON"))
}
