//! `completions`: what makes a shell complete the command line.

use clap::CommandFactory;

use super::{Failure, print};
use crate::cli::{Cli, CompletionsArgs};

#[expect(clippy::unnecessary_wraps, reason = "every command ends the same way")]
pub(super) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    print(script);
    Ok(())
}
