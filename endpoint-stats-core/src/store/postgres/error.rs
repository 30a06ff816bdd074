//! What PostgreSQL says, as a kind of [`StoreError`].

use std::fmt;

use super::damaged::DamagedRow;
use crate::store::{StoreError, StoreErrorKind};

/// What can go wrong inside a call; diesel needs one type for its transactions.
#[derive(Debug)]
pub(super) enum Failure {
    Database(diesel::result::Error),
    Connect(diesel::ConnectionError),
    Damaged(DamagedRow),
    Refused(StoreErrorKind, String),
    /// No answer came in time; whether the server did what was asked, nobody knows.
    NoAnswer(&'static str),
}

impl Failure {
    pub(super) fn corrupt(problem: impl Into<String>) -> Self {
        Self::Refused(StoreErrorKind::Corrupt, problem.into())
    }

    pub(super) fn rejected(problem: impl Into<String>) -> Self {
        Self::Refused(StoreErrorKind::Rejected, problem.into())
    }

    /// Names what was tried, and where.
    pub(super) fn while_trying(self, what: &str, place: &str) -> StoreError {
        StoreError::new(self.kind(), format!("{what} ({place})")).with_source(self)
    }

    /// Whether the connection is of no more use.
    pub(super) fn spoils_connection(&self) -> bool {
        use diesel::result::{DatabaseErrorKind as Kind, Error};

        match self {
            Self::Database(Error::DatabaseError(kind, _)) => {
                matches!(kind, Kind::UnableToSendCommand | Kind::ClosedConnection | Kind::ReadOnlyTransaction)
            }
            Self::Database(_) | Self::Connect(_) | Self::NoAnswer(_) => true,
            Self::Damaged(_) | Self::Refused(..) => false,
        }
    }

    // diesel does not hand on PostgreSQL's SQLSTATE, only kinds made from it; what has no kind may pass.
    fn kind(&self) -> StoreErrorKind {
        use diesel::result::{DatabaseErrorKind as Kind, Error};

        match self {
            Self::Refused(kind, _) => *kind,
            Self::Damaged(_) | Self::Database(Error::DeserializationError(_)) => StoreErrorKind::Corrupt,
            Self::Database(Error::DatabaseError(
                Kind::UniqueViolation | Kind::NotNullViolation | Kind::CheckViolation | Kind::ForeignKeyViolation,
                _,
            )) => StoreErrorKind::Rejected,
            Self::Database(_) | Self::Connect(_) | Self::NoAnswer(_) => StoreErrorKind::Unavailable,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => error.fmt(f),
            Self::Connect(error) => error.fmt(f),
            Self::Damaged(row) => row.fmt(f),
            Self::Refused(_, problem) => f.write_str(problem),
            Self::NoAnswer(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}
