//! What a file may say: every flag with a long name, in the table of its command.

use std::collections::BTreeSet;
use std::path::Path;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, Command};

use super::error::ConfigError;
use super::file::{ConfigFile, Entry};
use super::value::{example, shown};
use crate::cli::StoreArgs;

/// Refuses a table or a key that no command has, a value that its flag would refuse, and keys that exclude each other.
pub(super) fn check(known: &Command, file: &ConfigFile) -> Result<(), ConfigError> {
    for table in &file.tables {
        command_of(known, &table.name).ok_or_else(|| unknown_table(known, file.path(), &table.name, table.line))?;
    }
    for entry in &file.entries {
        check_entry(known, file.path(), entry)?;
    }
    let top: &[String] = &[];
    for table in file.tables.iter().map(|table| table.name.as_slice()).chain([top]) {
        let command = command_of(known, table).unwrap_or_else(store);
        let path: Vec<&str> = table.iter().map(String::as_str).collect();
        check_values(&command, file, &entries(file, &path, &command, BTreeSet::new()))?;
    }
    Ok(())
}

/// What a file says to a command, the command's own table first; what is given elsewhere, or excluded by it, is left out.
pub(super) fn entries<'f>(
    file: &'f ConfigFile,
    path: &[&str],
    command: &Command,
    mut given: BTreeSet<String>,
) -> Vec<&'f Entry> {
    let mut taken = Vec::new();
    for table in tables_of(path) {
        let here = file.entries.iter().filter(|entry| entry.table == table);
        let found: Vec<_> = here
            .filter_map(|entry| Some((entry, arg(command, &entry.key)?)))
            .filter(|(_, arg)| !is_excluded(command, arg, &given))
            .collect();
        given.extend(found.iter().map(|(_, arg)| arg.get_id().to_string()));
        taken.extend(found.into_iter().map(|(entry, _)| entry));
    }
    taken
}

/// The key that clap thinks was meant.
pub(super) fn suggested_key(command: &Command, key: &str) -> Option<String> {
    let error = bare(command).try_get_matches_from(["", &format!("--{key}")]).err()?;
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(flag) => Some(flag.trim_start_matches("--").to_owned()),
        _ => None,
    }
}

/// The tables that a command reads, the strongest first; the last one is the top of the file.
fn tables_of<'a>(path: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut tables = match path {
        ["config", "check"] => vec![vec!["serve"]],
        ["healthcheck"] => vec![vec!["healthcheck"], vec!["serve"]],
        [] => Vec::new(),
        path => vec![path.to_vec()],
    };
    tables.push(Vec::new());
    tables
}

/// The command of a table; none for the top, and for a table that no command reads.
fn command_of(known: &Command, table: &[String]) -> Option<Command> {
    let path: Vec<&str> = table.iter().map(String::as_str).collect();
    if path.is_empty() || tables_of(&path)[0] != path {
        return None;
    }
    path.iter().try_fold(known, |command, name| command.find_subcommand(name)).cloned()
}

fn store() -> Command {
    StoreArgs::augment_args(Command::new("store"))
}

fn arg<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let is_setting = |arg: &&Arg| !["help", "version", "config"].contains(&arg.get_id().as_str());
    command.get_arguments().filter(is_setting).find(|arg| arg.get_long() == Some(key))
}

fn is_excluded(command: &Command, arg: &Arg, given: &BTreeSet<String>) -> bool {
    let excludes =
        |a: &Arg, b: &Arg| command.get_arg_conflicts_with(a).iter().any(|other| other.get_id() == b.get_id());
    let mut given = command.get_arguments().filter(|other| given.contains(other.get_id().as_str()));
    given.any(|other| other.get_id() == arg.get_id() || excludes(arg, other) || excludes(other, arg))
}

fn check_entry(known: &Command, file: &Path, entry: &Entry) -> Result<(), ConfigError> {
    let command = command_of(known, &entry.table).unwrap_or_else(store);
    let wrong = |problem| Err(ConfigError::in_line(file, entry.line, problem));
    let Some(arg) = arg(&command, &entry.key) else {
        return wrong(unknown_key(known, &command, entry));
    };
    if entry.value.suits(arg) {
        return Ok(());
    }
    wrong(format!("`{}` cannot be {}: write {}", entry.key, entry.value.kind(), example(arg)))
}

fn check_values(command: &Command, file: &ConfigFile, entries: &[&Entry]) -> Result<(), ConfigError> {
    let flags = entries.iter().flat_map(|entry| entry.value.arguments(&entry.key));
    let Err(error) = bare(command).try_get_matches_from([String::new().into()].into_iter().chain(flags)) else {
        return Ok(());
    };
    let key = context(&error, ContextKind::InvalidArg).and_then(|flag| key_of(&flag));
    let entry = key.and_then(|key| entries.iter().find(|entry| entry.key == key));
    match (error.kind(), entry) {
        // What is missing here may be given by a flag or a variable.
        (ErrorKind::MissingRequiredArgument, _) => Ok(()),
        (_, None) => {
            Err(ConfigError::File { path: file.path().to_owned(), line: None, problem: error.kind().to_string() })
        }
        (ErrorKind::ArgumentConflict, Some(entry)) => {
            let other = context(&error, ContextKind::PriorArg).and_then(|flag| key_of(&flag)).unwrap_or_default();
            let problem = format!("`{}` excludes `{other}`: leave one of them out", entry.key);
            Err(ConfigError::in_line(file.path(), entry.line, problem))
        }
        (_, Some(entry)) => {
            Err(ConfigError::in_line(file.path(), entry.line, invalid_value(command, &error, &entry.key)))
        }
    }
}

fn invalid_value(command: &Command, error: &clap::Error, key: &str) -> String {
    let Some(arg) = arg(command, key) else { return format!("invalid value for `{key}`") };
    let value = context(error, ContextKind::InvalidValue).unwrap_or_default();
    let reason = match (context(error, ContextKind::ValidValue), std::error::Error::source(error)) {
        (Some(valid), _) if !valid.is_empty() => format!("expected one of {valid}"),
        (_, Some(reason)) => reason.to_string(),
        _ => "expected another".to_owned(),
    };
    format!("invalid value {:?} for `{key}`: {reason}; write {}", shown(arg, &value), example(arg))
}

/// A command that takes any part of its flags, and no variable.
fn bare(command: &Command) -> Command {
    command.clone().mut_args(|arg| arg.required(false).env(Resettable::Reset))
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")),
        _ => None,
    }
}

/// `listen` of `--listen <ADDRESS:PORT>`.
fn key_of(flag: &str) -> Option<String> {
    let name = flag.strip_prefix("--")?;
    Some(name.split([' ', '=', '[']).next().unwrap_or(name).to_owned())
}

fn unknown_key(known: &Command, command: &Command, entry: &Entry) -> String {
    let key = &entry.key;
    if let Some(meant) = suggested_key(command, key).filter(|meant| arg(command, meant).is_some()) {
        return format!("unknown key `{key}`{}: did you mean `{meant}`?", place(&entry.table));
    }
    let owner = known.get_subcommands().find(|command| entry.table.is_empty() && arg(command, key).is_some());
    match owner {
        Some(owner) => format!("`{key}` stands in a table: write it below [{}]", owner.get_name()),
        None => format!("unknown key `{key}`{}; --help lists the flags, whose names are the keys", place(&entry.table)),
    }
}

fn place(table: &[String]) -> String {
    if table.is_empty() { " outside of a table".to_owned() } else { format!(" in [{}]", table.join(".")) }
}

fn unknown_table(known: &Command, file: &Path, table: &[String], line: usize) -> ConfigError {
    let has_keys = |command: &&Command| tables_of(&[command.get_name()])[0] == [command.get_name()];
    let names: Vec<_> = known
        .get_subcommands()
        .filter(has_keys)
        .filter(|command| {
            command.get_arguments().any(|known| arg(command, known.get_long().unwrap_or_default()).is_some())
        })
        .map(|command| format!("[{}]", command.get_name()))
        .collect();
    let problem = format!("unknown table [{}]: expected one of {}", table.join("."), names.join(", "));
    ConfigError::in_line(file, line, problem)
}
