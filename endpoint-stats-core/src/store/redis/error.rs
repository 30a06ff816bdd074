//! What Redis says, as a kind of [`StoreError`].

use std::fmt;

use redis::{ErrorKind, RedisError};

use super::damaged::DamagedRow;
use super::keys::Keys;
use crate::sketch::DecodeError;
use crate::store::pool::NoConnection;
use crate::store::{StoreError, StoreErrorKind};
use crate::window::Window;

/// What can go wrong inside a call.
#[derive(Debug)]
pub(crate) enum Failure {
    Redis(RedisError),
    Connect(String),
    Damaged(Box<DamagedRow>),
    Refused(StoreErrorKind, String),
    /// No answer came in time; whether the server did what was asked, nobody knows.
    NoAnswer(&'static str),
}

impl Failure {
    pub(super) fn corrupt(problem: impl Into<String>) -> Self {
        Self::Refused(StoreErrorKind::Corrupt, problem.into())
    }

    pub(super) fn damaged(keys: &Keys, window: Window, endpoint_id: i64, reason: DecodeError) -> Self {
        Self::Damaged(Box::new(DamagedRow { keys: keys.clone(), window, endpoint_id, reason }))
    }

    /// Names what was tried, and where.
    pub(super) fn while_trying(self, what: &str, place: &str) -> StoreError {
        StoreError::new(self.kind(), format!("{what} ({place})")).with_source(self)
    }

    /// Whether the connection is of no more use: after anything but an answer, a late reply may still come.
    pub(super) fn spoils_connection(&self) -> bool {
        match self {
            Self::Redis(error) => !matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension),
            Self::Connect(_) | Self::NoAnswer(_) => true,
            Self::Damaged(_) | Self::Refused(..) => false,
        }
    }

    // Redis refuses for reasons that pass: no memory, no master, no rights. What a key should hold and does not stays.
    fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Refused(kind, _) => *kind,
            Self::Damaged(_) => StoreErrorKind::Corrupt,
            Self::Redis(error) if says(error, "WRONGTYPE") => StoreErrorKind::Corrupt,
            Self::Redis(_) | Self::Connect(_) | Self::NoAnswer(_) => StoreErrorKind::Unavailable,
        }
    }
}

/// Whether Redis said this to a command, or to one of many that were sent together.
pub(super) fn says(error: &RedisError, code: &str) -> bool {
    let said = error.clone().into_server_errors();
    said.is_some_and(|errors| errors.iter().any(|(_, error)| error.code() == code))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(error) => error.fmt(f),
            Self::Connect(problem) | Self::Refused(_, problem) => f.write_str(problem),
            Self::Damaged(row) => row.fmt(f),
            Self::NoAnswer(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::corrupt(error.to_string())
    }
}

impl From<NoConnection<Failure>> for Failure {
    fn from(none: NoConnection<Failure>) -> Self {
        match none {
            NoConnection::Refused(reason) => Self::Connect(reason),
            NoConnection::Failed(failure) => failure,
            NoConnection::TimedOut => Self::NoAnswer("no connection was free in time"),
        }
    }
}
