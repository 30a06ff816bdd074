//! [`ConfigFile`]: what a file says, and in which line.

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::schema;
use super::value::Value;

/// A larger file is a mistake.
const MAX_BYTES: u64 = 1 << 20;

/// A file of settings, not yet held against the flags there are.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    pub(super) entries: Vec<Entry>,
    pub(super) tables: Vec<Table>,
}

/// One setting.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) table: Vec<String>,
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) line: usize,
}

/// A table, with or without something in it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: Vec<String>,
    pub(super) line: usize,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not TOML.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let problem = |problem: String| ConfigError::File { path: path.to_owned(), line: None, problem };
        let size = fs::metadata(path).map_err(|error| problem(unreadable(&error)))?.len();
        if size > MAX_BYTES {
            return Err(problem(format!("expected a file of settings, at most {MAX_BYTES} bytes long")));
        }
        let text = fs::read_to_string(path).map_err(|error| problem(unreadable(&error)))?;
        Self::parse(path, &text)
    }

    /// Takes a file's text apart.
    ///
    /// # Errors
    ///
    /// When it is not TOML, or gives a key twice.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let text = text.trim_start_matches('\u{feff}');
        let lines = Lines(text);
        let parsed = DeTable::parse(text).map_err(|error| {
            // The error's own text quotes the line, which may hold a secret.
            let line = error.span().map_or(1, |span| lines.at(span.start));
            ConfigError::in_line(path, line, format!("not TOML: {}", error.message().replace('\n', " ")))
        })?;
        let mut file = Self { path: path.to_owned(), entries: Vec::new(), tables: Vec::new() };
        file.add(&[], parsed.get_ref(), lines);
        Ok(file)
    }

    /// Holds the file against the flags there are.
    ///
    /// # Errors
    ///
    /// When a table or a key is none, or a flag would refuse a value.
    pub fn check(&self) -> Result<(), ConfigError> {
        schema::check(&super::known(), self)
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn add(&mut self, table: &[String], values: &DeTable<'_>, lines: Lines<'_>) {
        for (key, value) in values {
            let line = lines.at(key.span().start);
            let name = key.get_ref().to_string();
            match value.get_ref() {
                DeValue::Table(below) => {
                    let path = [table, &[name]].concat();
                    self.add(&path, below, lines);
                    self.tables.push(Table { name: path, line });
                }
                value => {
                    let entry = Entry { table: table.to_owned(), key: name, value: Value::new(value), line };
                    self.entries.push(entry);
                }
            }
        }
    }
}

/// Finds the line of a byte.
#[derive(Clone, Copy)]
struct Lines<'t>(&'t str);

impl Lines<'_> {
    fn at(self, byte: usize) -> usize {
        1 + self.0.bytes().take(byte).filter(|byte| *byte == b'\n').count()
    }
}

fn unreadable(error: &std::io::Error) -> String {
    format!("expected a file of settings that can be read ({error})")
}
