//! The language between a writer and the oracle: a line of JSON each.

use std::fmt;

use endpoint_stats_core::flush::Books;
use endpoint_stats_core::store::WriterId;
use serde::{Deserialize, Serialize};

/// Hits by route.
pub(crate) type Hits = Vec<(String, u64)>;

/// What a writer tells before or after it does something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// This process exists, and counts under this name.
    Hello { process: String },
    /// These hits are about to be counted.
    Counting(Hits),
    /// This batch is about to be sent.
    Sending { batch: Name, hits: Hits },
    /// The store said this to a batch.
    Answered { batch: Name, answer: Answer },
    /// Where every hit of the process is.
    Books(Account),
    /// The same, of a process that ends.
    Ended(Account),
}

/// What the oracle orders.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    /// Count so many hits now.
    Count(u64),
    /// Count so many hits a second from now on.
    Rate(u64),
    /// The clock on the wall is wrong by so many seconds.
    Clock(i64),
}

/// What names a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) writer: [u8; 16],
    pub(crate) seq: u64,
}

/// What a store said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Applied,
    Duplicate,
    /// It has not the batch before.
    Gap,
    /// It has another batch of this name.
    Conflict,
    /// It will never take the batch.
    Rejected,
    /// Nobody knows.
    Failed,
}

/// The books of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) observed: u64,
    pub(crate) found: u64,
    pub(crate) stored: u64,
    pub(crate) pending: u64,
    pub(crate) spooled: u64,
    pub(crate) dropped: u64,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch {} of {}", self.seq, WriterId::from_bytes(self.writer))
    }
}

impl From<Books> for Account {
    fn from(books: Books) -> Self {
        let Books { observed, found, stored, pending, spooled, dropped, .. } = books;
        Self { observed, found, stored, pending, spooled, dropped }
    }
}

impl Account {
    /// Whether it accounts for every hit.
    pub(crate) fn balances(&self) -> bool {
        self.observed + self.found == self.stored + self.pending + self.spooled + self.dropped
    }

    /// Hits of this process that a crash cannot lose.
    pub(crate) fn safe(&self) -> u64 {
        self.observed - self.pending.min(self.observed)
    }
}

impl Answer {
    /// Whether the store has the batch.
    pub(crate) fn is_acknowledgement(self) -> bool {
        matches!(self, Self::Applied | Self::Duplicate)
    }
}
