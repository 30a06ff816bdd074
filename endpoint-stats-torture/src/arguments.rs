//! [`Arguments`]: how a run is asked for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand, ValueEnum};

use crate::scenarios::Scenario;
use crate::writer::{Broken, WriterArguments};

/// Kills, cuts, stops and fills everything around endpoint-stats, and counts what is left.
#[derive(Debug, Parser)]
#[command(name = "endpoint-stats-torture", args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    /// What to do; everything by default.
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<Scenario>,
    /// Repeats the choices of a run.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Reaches every figure that is promised, and mixes faults for what is left of this time.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<u64>,
    /// The program `endpoint-stats-server`; the one beside this program by default.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The same of the previous release, to be updated from.
    #[arg(long, value_name = "FILE")]
    pub(crate) previous: Option<PathBuf>,
    /// Scenarios that run at the same time.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) at_once: usize,
    /// Breaks every writer, so that one sees that it is found out.
    #[arg(long, value_name = "HOW")]
    pub(crate) broken: Option<Broken>,
    /// Keeps what every program says in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) logs: Option<PathBuf>,
    /// Writes the report here too.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// What else this program is.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// A process that counts, and is started by a run.
    #[command(hide = true)]
    Writer(WriterArguments),
}

impl Arguments {
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        if self.scenarios.is_empty() { Scenario::value_variants().to_vec() } else { self.scenarios.clone() }
    }

    pub(crate) fn is_long(&self) -> bool {
        self.minutes.is_some()
    }

    /// How long faults are mixed in a run that began so long ago; at least two minutes of a long one.
    pub(crate) fn mixed_for(&self, passed: Duration) -> Duration {
        match self.minutes {
            Some(minutes) => Duration::from_mins(minutes).saturating_sub(passed).max(Duration::from_mins(2)),
            None => Duration::from_secs(30),
        }
    }

    pub(crate) fn server(&self) -> anyhow::Result<PathBuf> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("endpoint-stats-server"));
        let server = self.server.clone().map_or_else(beside, Ok).context("this program does not know where it is")?;
        ensure!(
            server.is_file(),
            "there is no server at {}: build it with `cargo build -p endpoint-stats-server`, or name one with --server",
            server.display()
        );
        Ok(server)
    }
}
