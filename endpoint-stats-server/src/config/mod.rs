//! Settings from the command line, from variables and from a file, each with its source.
//!
//! A flag wins over its variable, a variable over the file, the file over the default. The file is TOML: a table a
//! command, a key a flag without its dashes; the settings of the store may also stand on top, for every command.
//!
//! ```toml
//! database-url = "postgres://stats@db/stats"
//!
//! [serve]
//! listen = "0.0.0.0:9999"
//! ```
//!
//! What the file says is added to the command line, unless a flag or a variable says it already, or says something
//! that excludes it. So clap alone decides what is right, and a new flag is a new key without more code.

mod error;
mod file;
mod schema;
mod setting;
mod value;
mod variables;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

pub use self::error::ConfigError;
pub use self::file::ConfigFile;
pub use self::setting::{Setting, Settings, Source};
use crate::cli::Cli;

/// What to do, and the settings to do it with.
#[derive(Debug)]
pub struct Invocation {
    /// The command and its flags.
    pub cli: Cli,
    /// Every setting of the command, with its source.
    pub settings: Settings,
}

/// Reads the command line, the file that it or a variable names, and checks the names of the variables.
///
/// The values of variables are read by clap from the process's environment.
///
/// # Errors
///
/// When one of them is wrong; and when only help or the version is asked for.
pub fn read(
    mut arguments: Vec<OsString>,
    variables: impl IntoIterator<Item = OsString>,
) -> Result<Invocation, ConfigError> {
    let known = known();
    let seen = Cli::command().ignore_errors(true).try_get_matches_from(&arguments)?;
    variables::check(&known, variables)?;
    let (path, command, explicit) = chosen(&known, &seen);
    let file = match seen.try_get_one::<PathBuf>("config").ok().flatten() {
        Some(path) => Some(ConfigFile::read(path)?),
        None => None,
    };
    let entries = match &file {
        Some(file) => {
            file.check()?;
            schema::entries(file, &path, command, explicit)
        }
        None => Vec::new(),
    };
    insert(&mut arguments, entries.iter().flat_map(|entry| entry.value.arguments(&entry.key)));
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let file = file.as_ref().map_or(Path::new(""), ConfigFile::path);
    let settings = Settings::new(command, leaf(&matches), file, &entries);
    Ok(Invocation { cli: Cli::from_arg_matches(&matches)?, settings })
}

/// Every command and flag there is.
fn known() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// The path of the command that was asked for, the command, and the flags that are given by hand or by a variable.
fn chosen<'a>(known: &'a Command, seen: &'a ArgMatches) -> (Vec<&'a str>, &'a Command, BTreeSet<String>) {
    let (mut path, mut command, mut matches) = (Vec::new(), known, seen);
    while let Some((name, below)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { break };
        path.push(name);
        (command, matches) = (found, below);
    }
    let is_explicit =
        |id: &&str| matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
    let explicit = matches.ids().map(clap::Id::as_str).filter(is_explicit).map(str::to_owned).collect();
    (path, command, explicit)
}

fn leaf(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, below)| leaf(below))
}

/// Adds arguments at the end, or before what only looks like flags.
fn insert(arguments: &mut Vec<OsString>, added: impl Iterator<Item = OsString>) {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    arguments.splice(end..end, added);
}
