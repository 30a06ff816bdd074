//! `config check`: whether `serve` would start, and with which settings.

use std::fmt::Write;

use super::{Failure, print, serve};
use crate::cli::ConfigCheckArgs;
use crate::config::Settings;

pub(super) fn run(args: &ConfigCheckArgs, settings: &Settings) -> Result<(), Failure> {
    serve::check(&args.serve)?;
    print(describe(settings));
    Ok(())
}

/// A line a setting: its name, its value, its source.
fn describe(settings: &Settings) -> String {
    let rows: Vec<_> = settings
        .iter()
        .map(|setting| (&setting.name, setting.value.as_deref().unwrap_or("-"), &setting.source))
        .collect();
    let names = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let values = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or(0);
    rows.iter().fold(String::new(), |mut text, (name, value, source)| {
        let _ = writeln!(text, "{name:names$}  {value:values$}  {source}");
        text
    })
}
