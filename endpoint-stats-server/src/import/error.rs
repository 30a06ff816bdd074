//! [`ImportError`]: why an import did not reach the end of its input.

use std::error::Error;
use std::fmt;

use super::ImportSummary;

/// Says that an import stopped, of what kind the failure is, and what was counted until then.
#[derive(Debug)]
pub struct ImportError {
    kind: ImportErrorKind,
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    summary: Option<Box<ImportSummary>>,
}

/// What a caller can do about an [`ImportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportErrorKind {
    /// A format or a route template is wrong: nothing was read.
    Setting,
    /// The input cannot be opened, or is no log: nothing was counted.
    Input,
    /// Reading failed halfway: what was read until then is counted, and the next import goes on from there.
    Read,
    /// The store failed: what it took until then is counted, and the next import goes on from there.
    Store,
    /// Another import counts the same input at this moment; nothing is counted twice.
    Conflict,
}

impl ImportError {
    pub(super) fn new(kind: ImportErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None, summary: None }
    }

    pub(super) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn with_summary(mut self, summary: ImportSummary) -> Self {
        self.summary = Some(Box::new(summary));
        self
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ImportErrorKind {
        self.kind
    }

    /// What was counted before the failure; `None` when it failed before the first line.
    pub fn summary(&self) -> Option<&ImportSummary> {
        self.summary.as_deref()
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}", self.what)
    }
}

impl Error for ImportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
