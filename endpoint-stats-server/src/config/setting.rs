//! [`Settings`]: what is in force, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::file::Entry;
use super::value::shown;

/// The settings of a command.
#[derive(Clone, Debug, Default)]
pub struct Settings(Vec<Setting>);

/// A setting that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The flag's name without dashes, which is the key in a file.
    pub name: String,
    /// The value, secrets masked; `None` when there is none.
    pub value: Option<String>,
    /// Who said so.
    pub source: Source,
}

/// Who said so, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// A variable.
    Variable(String),
    /// A line of a file.
    File(PathBuf, usize),
    /// Nobody.
    Default,
}

impl Settings {
    pub(super) fn new(command: &Command, matches: &ArgMatches, file: &Path, entries: &[&Entry]) -> Self {
        let lines: BTreeMap<_, _> = entries.iter().map(|entry| (entry.key.as_str(), entry.line)).collect();
        let settings = command.get_arguments().filter_map(|arg| {
            let name = arg.get_long().filter(|name| !["help", "version"].contains(name))?;
            let source = match lines.get(name) {
                Some(line) => Source::File(file.to_owned(), *line),
                None => source(arg, matches),
            };
            Some(Setting { name: name.to_owned(), value: value(arg, matches), source })
        });
        Self(settings.collect())
    }

    /// Each setting, in the order of `--help`.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// Who set a flag, if somebody did.
    pub fn source_of(&self, flag: &str) -> Option<&Source> {
        let name = flag.trim_start_matches("--");
        self.iter().find(|setting| setting.name == name).map(|setting| &setting.source)
    }
}

fn source(arg: &Arg, matches: &ArgMatches) -> Source {
    match matches.value_source(arg.get_id().as_str()) {
        Some(ValueSource::CommandLine) => Source::Flag,
        Some(ValueSource::EnvVariable) => {
            Source::Variable(arg.get_env().unwrap_or_default().to_string_lossy().into_owned())
        }
        _ => Source::Default,
    }
}

fn value(arg: &Arg, matches: &ArgMatches) -> Option<String> {
    let values = matches.try_get_raw(arg.get_id().as_str()).ok().flatten()?;
    let values: Vec<_> = values.map(|value| shown(arg, &value.to_string_lossy())).collect();
    Some(values.join(", "))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}
