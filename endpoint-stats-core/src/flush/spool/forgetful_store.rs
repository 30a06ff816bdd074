//! [`ForgetfulStore`]: what a store knows, in a few lines, with batches that it refuses and writers that it loses.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::{Counts, Delta};
use crate::endpoint::{Endpoint, Method, Route, ServiceName};
use crate::hit::Outcome;
use crate::store::{Applied, Batch, StoreError, StoreErrorKind, WriterId};
use crate::window::{Timestamp, Width, Window};

/// The last batch of each writer, and how often each number was counted.
#[derive(Debug, Default)]
pub(in crate::flush) struct ForgetfulStore {
    last: BTreeMap<WriterId, (u64, [u8; 32])>,
    pub(in crate::flush) counted: BTreeMap<usize, u64>,
    /// What was counted when the store lost its writers: if it is sent again, nobody can tell it from new hits.
    pub(in crate::flush) excused: BTreeSet<usize>,
    /// What it never takes.
    pub(in crate::flush) poisoned: BTreeSet<usize>,
}

/// One hit of an endpoint of its own.
pub(in crate::flush) fn delta(number: usize) -> Delta {
    let at = Timestamp::from_unix(1_700_000_000);
    let route = Route::new(&format!("/{number}")).unwrap();
    Delta {
        endpoint: Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, route),
        window: Window::containing(at, Width::TenSeconds),
        first_at: at,
        last_at: at,
        counts: Counts { outcomes: [(Outcome::Status(200), 1)].into_iter().collect(), ..Counts::default() },
    }
}

/// The numbers that deltas were made of.
pub(in crate::flush) fn numbers(deltas: &[Delta]) -> impl Iterator<Item = usize> {
    deltas.iter().map(|delta| delta.endpoint.route().as_str()[1..].parse().unwrap())
}

impl ForgetfulStore {
    pub(in crate::flush) fn lose_writers(&mut self) {
        self.last.clear();
        self.excused.extend(self.counted.keys());
    }

    pub(in crate::flush) fn apply(&mut self, batch: &Batch) -> Result<Applied, StoreError> {
        let (last_seq, last_digest) = self.last.get(&batch.writer).copied().unwrap_or_default();
        if batch.seq == last_seq && batch.digest() != last_digest {
            return Err(StoreError::new(StoreErrorKind::Conflict, "write a batch"));
        }
        if batch.seq <= last_seq {
            return Ok(Applied::Duplicate);
        }
        if batch.seq > last_seq + 1 {
            return Ok(Applied::Gap { last_seq });
        }
        if numbers(&batch.deltas).any(|number| self.poisoned.contains(&number)) {
            return Err(StoreError::new(StoreErrorKind::Rejected, "write a batch"));
        }
        self.last.insert(batch.writer, (batch.seq, batch.digest()));
        for number in numbers(&batch.deltas) {
            *self.counted.entry(number).or_default() += 1;
        }
        Ok(Applied::Applied)
    }

    pub(in crate::flush) fn times(&self, number: usize) -> u64 {
        self.counted.get(&number).copied().unwrap_or(0)
    }
}
