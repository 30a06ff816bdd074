//! A private Prometheus for one test, which scrapes what the test tells it to.
//!
//! Its time-series are in a folder that goes with it. It ends as [`PostgresServer`](super::postgres::PostgresServer) does.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use super::command;
use super::daemon::Daemon;
use super::programs::{find, quiet};

/// A running Prometheus on `127.0.0.1`; see the [module](self).
#[derive(Debug)]
pub(crate) struct Prometheus(Daemon);

/// What a [`Prometheus`] starts with.
#[derive(Debug)]
pub(crate) struct Builder {
    every: &'static str,
    jobs: Vec<Value>,
    rules: Vec<String>,
    alertmanagers: Vec<String>,
    features: Vec<&'static str>,
    scrapes_itself: bool,
}

// === impl Builder ===

impl Builder {
    /// Scrapes, and evaluates rules without an interval of their own, so often instead of twice a second.
    pub(crate) fn every(mut self, interval: &'static str) -> Self {
        self.every = interval;
        self
    }

    /// Scrapes `/metrics` of some addresses, which get the labels of pods, under the name of a job.
    pub(crate) fn job(mut self, name: &str, addresses: &[SocketAddr]) -> Self {
        self.jobs.push(job(name, addresses));
        self
    }

    /// Evaluates the rules of files with these texts.
    pub(crate) fn rules(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.rules.extend(texts);
        self
    }

    /// Tells an Alertmanager which alerts fire.
    pub(crate) fn alertmanager(mut self, address: SocketAddr) -> Self {
        self.alertmanagers.push(address.to_string());
        self
    }

    /// Asks for native histograms, and so for protobuf.
    pub(crate) fn native_histograms(mut self) -> Self {
        self.features.push("native-histograms");
        self
    }

    /// Scrapes its own metrics too, under the name `prometheus`.
    pub(crate) fn scraping_itself(mut self) -> Self {
        self.scrapes_itself = true;
        self
    }

    /// Starts the server and returns when it answers.
    ///
    /// # Panics
    ///
    /// If there is no Prometheus on this machine, or if it does not answer within 30 seconds.
    pub(crate) fn start(self) -> Prometheus {
        let folder = tempfile::Builder::new().prefix("endpoint-stats-prometheus-").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        for (number, text) in self.rules.iter().enumerate() {
            fs::write(path(&format!("rules-{number}.yaml")), text).unwrap();
        }
        let (config, data) = (path("prometheus.yaml"), path("data"));
        let rules = path("rules-*.yaml");
        let features: Vec<_> = self.features.iter().map(|feature| format!("--enable-feature={feature}")).collect();
        Prometheus(Daemon::start(
            &["prometheus"],
            "Server is ready to receive web requests",
            folder,
            |command, address| {
                // JSON is YAML too.
                fs::write(&config, self.config(&rules, address).to_string()).unwrap();
                command.args([format!("--config.file={config}"), format!("--storage.tsdb.path={data}")]);
                command.args([format!("--web.listen-address={address}"), "--rules.alert.resend-delay=5s".to_owned()]);
                command.args(&features);
            },
        ))
    }

    fn config(&self, rules: &str, address: SocketAddr) -> Value {
        let itself = self.scrapes_itself.then(|| job("prometheus", &[address]));
        let jobs: Vec<_> = self.jobs.iter().cloned().chain(itself).collect();
        json!({
            "global": { "scrape_interval": self.every, "scrape_timeout": self.every, "evaluation_interval": self.every },
            "scrape_configs": jobs,
            "rule_files": [rules],
            "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": self.alertmanagers }] }] },
        })
    }
}

fn job(name: &str, addresses: &[SocketAddr]) -> Value {
    let of_pod = |(number, address): (usize, &SocketAddr)| {
        json!({
            "targets": [address.to_string()],
            "labels": { "namespace": "endpoint-stats", "pod": format!("{name}-{number}") },
        })
    };
    let targets: Vec<_> = addresses.iter().enumerate().map(of_pod).collect();
    json!({ "job_name": name, "static_configs": targets })
}

// === impl Prometheus ===

impl Prometheus {
    /// Begins a server.
    pub(crate) fn builder() -> Builder {
        let (jobs, rules, alertmanagers, features) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Builder { every: "500ms", jobs, rules, alertmanagers, features, scrapes_itself: false }
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

/// What `promtool check metrics` finds wrong with an exposition, a finding a line.
pub(crate) fn lints(exposition: &str) -> Vec<String> {
    let mut promtool: Command = quiet(find(&["promtool"]));
    let found = command::output(promtool.args(["check", "metrics"]), exposition).err().unwrap_or_default();
    found.lines().map(str::to_owned).collect()
}
