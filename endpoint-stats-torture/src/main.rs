//! `endpoint-stats-torture`: kills, cuts, stops and fills everything around endpoint-stats, and counts what is left.
//!
//! It starts real stores, servers and writers in temporary folders. An oracle outside of them hears what each writer
//! attempts and what it is told; in the end every endpoint of the store must have exactly the hits of the batches that the
//! store took. A seed repeats the choices of a run, though not the scheduling of its processes.

mod arguments;
mod dice;
mod oracle;
mod parts;
mod report;
mod scenarios;
#[path = "../../tests/it/support/mod.rs"]
mod support;
mod writer;

use std::process::ExitCode;

use clap::Parser;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use self::arguments::{Arguments, Role};
use self::dice::Dice;
use self::parts::program::Program;
use self::parts::writer::Writer;
use self::report::Report;
use self::scenarios::Run;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let done = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let done = done.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(arguments)));
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(Role::Writer(arguments)) = arguments.role {
        writer::run(arguments).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(folder) = &arguments.logs {
        Program::keep_logs_in(folder)?;
    }
    if let Some(broken) = arguments.broken {
        Writer::break_all(broken);
    }
    let report = torture(&arguments).await?;
    println!("{report}");
    if let Some(file) = &arguments.report {
        std::fs::write(file, report.to_string())?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn torture(arguments: &Arguments) -> anyhow::Result<Report> {
    let dice = Dice::new(arguments.seed);
    let server = arguments.server()?;
    let started = Instant::now();
    let runs = arguments.scenarios().into_iter().map(|scenario| {
        let (dice, server) = (dice.split(&scenario.name()), server.clone());
        async move {
            let begun = Instant::now();
            let run = Run {
                dice,
                is_long: arguments.is_long(),
                mixed_for: arguments.mixed_for(started.elapsed()),
                server,
                previous: arguments.previous.clone(),
            };
            let result = scenario.run(&run).await;
            eprintln!("{} ended after {} s", scenario.name(), begun.elapsed().as_secs());
            (scenario, begun.elapsed(), result)
        }
    });
    let mut report = Report::new(arguments.seed);
    let mut results = stream::iter(runs).buffered(arguments.at_once);
    while let Some((scenario, took, result)) = results.next().await {
        report.add(&scenario.name(), took, result);
    }
    Ok(report)
}
