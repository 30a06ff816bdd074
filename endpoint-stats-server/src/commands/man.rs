//! `man`: the manual, made of what `--help` says.

use anyhow::Context;
use clap::CommandFactory;

use super::{Failure, print};
use crate::cli::{Cli, ManArgs};

pub(super) fn run(args: &ManArgs) -> Result<(), Failure> {
    if let Some(folder) = &args.folder {
        return clap_mangen::generate_to(Cli::command(), folder)
            .with_context(|| format!("failed to write the manual into {}", folder.display()))
            .map_err(Failure::from);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).context("failed to render the manual")?;
    print(page);
    Ok(())
}
