//! [`ConfigError`]: which setting is wrong, where it stands, and what was expected.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why the settings cannot be used; secrets are masked.
#[derive(Debug)]
pub enum ConfigError {
    /// The command line, or the value of a variable; also when only help or the version is asked for.
    CommandLine(clap::Error),
    /// The file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on, where one is to blame.
        line: Option<usize>,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// A variable that looks like ours and is none.
    Variable {
        /// Its name.
        name: String,
        /// What it may have been meant to be.
        suggestion: Option<String>,
    },
}

impl ConfigError {
    pub(super) fn in_line(path: &Path, line: usize, problem: String) -> Self {
        Self::File { path: path.to_owned(), line: Some(line), problem }
    }
}

impl From<clap::Error> for ConfigError {
    fn from(error: clap::Error) -> Self {
        Self::CommandLine(error)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(error) => error.fmt(f),
            Self::File { path, line: Some(line), problem } => write!(f, "{}, line {line}: {problem}", path.display()),
            Self::File { path, line: None, problem } => write!(f, "{}: {problem}", path.display()),
            Self::Variable { name, suggestion: Some(suggestion) } => {
                write!(f, "unknown variable `{name}`: did you mean `{suggestion}`?")
            }
            Self::Variable { name, suggestion: None } => {
                write!(f, "unknown variable `{name}`: the --help of each command lists its variables")
            }
        }
    }
}

impl std::error::Error for ConfigError {}
