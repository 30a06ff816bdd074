//! One request, counted: a [`Hit`] and how it ended, its [`Outcome`].

use std::fmt;

use crate::nanos::Nanos;
use crate::sketch::CallerHash;

/// One request counted for one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// How the request ended.
    pub outcome: Outcome,
    /// From receiving the request to the response head; `None` when no head was sent.
    pub latency: Option<Nanos>,
    /// From receiving the request to the last byte of the response body; `None` when a log does not tell.
    pub duration: Option<Nanos>,
    /// Bytes of the response body that were handed on, without head and framing.
    pub response_bytes: u64,
    /// Who made the request, as a keyed hash.
    pub caller: Option<CallerHash>,
}

/// How a hit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The response was sent whole, with this status code, 100 to 999.
    Status(u16),
    /// The service, or the response body, returned an error.
    Failed,
    /// The client went away before the response was whole.
    Aborted,
    /// The service panicked.
    Panicked,
}

// === impl Outcome ===

impl Outcome {
    /// Whether the service is to blame: a status of 500 and above, `failed` or `panicked`.
    pub fn is_error(self) -> bool {
        match self {
            Self::Status(code) => code >= 500,
            Self::Failed | Self::Panicked => true,
            Self::Aborted => false,
        }
    }

    /// The number the outcome is kept under in stores: the status code, or 0, 1, 2 for failed, aborted, panicked.
    pub fn code(self) -> u16 {
        match self {
            Self::Status(code) => code,
            Self::Failed => 0,
            Self::Aborted => 1,
            Self::Panicked => 2,
        }
    }

    /// Finds an outcome by its [`code`](Self::code).
    pub fn from_code(code: u16) -> Option<Self> {
        match code {
            0 => Some(Self::Failed),
            1 => Some(Self::Aborted),
            2 => Some(Self::Panicked),
            100..=999 => Some(Self::Status(code)),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(f, "{code}"),
            Self::Failed => f.write_str("failed"),
            Self::Aborted => f.write_str("aborted"),
            Self::Panicked => f.write_str("panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_found_by_its_code() {
        for code in 0..=u16::MAX {
            if let Some(outcome) = Outcome::from_code(code) {
                assert_eq!(outcome.code(), code);
            }
        }
    }

    #[test]
    fn a_client_that_goes_away_is_not_an_error_of_the_service() {
        assert!(!Outcome::Aborted.is_error());
        assert!(!Outcome::Status(404).is_error());
        assert!(Outcome::Status(503).is_error());
        assert!(Outcome::Panicked.is_error());
    }
}
