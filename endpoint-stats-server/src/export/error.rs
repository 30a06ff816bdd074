//! [`ExportError`]: why there is no whole export.

use std::error::Error;
use std::fmt;
use std::io;

use endpoint_stats_core::store::StoreError;

/// Why there is no whole export.
#[derive(Debug)]
pub enum ExportError {
    /// The store did not answer.
    Store(StoreError),
    /// A row could not be written.
    Write(io::Error),
    /// The store moved windows into wider ones while they were read.
    RolledUp,
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store(_) => "failed to read from the store",
            Self::Write(_) => "failed to write a row",
            Self::RolledUp => "the store rolled up its windows while they were read; export again",
        })
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Write(error) => Some(error),
            Self::RolledUp => None,
        }
    }
}
