//! What SQLite says, as a kind of [`StoreError`].

use std::fmt;

use crate::sketch::DecodeError;
use crate::store::{StoreError, StoreErrorKind};

/// What can go wrong inside a call; diesel needs one type for its transactions.
#[derive(Debug)]
pub(super) enum Failure {
    Database(diesel::result::Error),
    Damaged(DecodeError),
    Refused(StoreErrorKind, String),
}

impl Failure {
    pub(super) fn corrupt(problem: impl Into<String>) -> Self {
        Self::Refused(StoreErrorKind::Corrupt, problem.into())
    }

    /// Names what was tried, and on which file.
    pub(super) fn while_trying(self, what: &str, path: &std::path::Path) -> StoreError {
        StoreError::new(self.kind(), format!("{what} ({})", path.display())).with_source(self)
    }

    fn kind(&self) -> StoreErrorKind {
        use diesel::result::{DatabaseErrorKind as Kind, Error};

        match self {
            Self::Refused(kind, _) => *kind,
            Self::Damaged(_) | Self::Database(Error::DeserializationError(_)) => StoreErrorKind::Corrupt,
            Self::Database(Error::DatabaseError(kind, info)) => match kind {
                Kind::UniqueViolation | Kind::NotNullViolation | Kind::CheckViolation | Kind::ForeignKeyViolation => {
                    StoreErrorKind::Rejected
                }
                // SQLite's result codes do not get through diesel, its messages do (sqlite3ErrStr in main.c).
                _ => match info.message() {
                    "database disk image is malformed" | "file is not a database" => StoreErrorKind::Corrupt,
                    "string or blob too big" | "datatype mismatch" => StoreErrorKind::Rejected,
                    _ => StoreErrorKind::Unavailable,
                },
            },
            Self::Database(_) => StoreErrorKind::Unavailable,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => error.fmt(f),
            Self::Damaged(error) => error.fmt(f),
            Self::Refused(_, problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for Failure {}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::Damaged(error)
    }
}
