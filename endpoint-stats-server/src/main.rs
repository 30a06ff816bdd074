//! The `endpoint-stats-server` program; see `--help`.

use std::io::Write;
use std::process::ExitCode;

use endpoint_stats_server::commands::{self, Failure};
use endpoint_stats_server::config::{self, ConfigError};
use endpoint_stats_server::settings::masked;

fn main() -> ExitCode {
    let invocation = match config::read(std::env::args_os().collect(), std::env::vars_os().map(|(name, _)| name)) {
        Ok(invocation) => invocation,
        Err(ConfigError::CommandLine(help)) if !help.use_stderr() => return print(&help.render().to_string()),
        Err(ConfigError::CommandLine(error)) => return fail(&Failure::usage(one_line(&error))),
        Err(error) => return fail(&Failure::setting(error)),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&Failure::from(anyhow::Error::new(error).context("failed to start the runtime")));
        }
    };
    let done = runtime.block_on(commands::run(invocation));
    // What still reads a file that never ends does not hold up the end.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

/// The first sentence of what clap says, without passwords; the rest repeats `--help`.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let sentence: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).map(masked).collect();
    let sentence = sentence.join(" ");
    format!("{}; try --help", sentence.trim_start_matches("error: "))
}

fn print(text: &str) -> ExitCode {
    // Whoever closed the pipe does not want to read on.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(failure: &Failure) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {failure}");
    ExitCode::from(failure.exit_code())
}
