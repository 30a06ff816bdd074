//! [`EncodedRows`]: what a question reads from a database, added up an endpoint at a time.

use std::collections::HashMap;

use super::query::{ReportBuilder, StatsQuery};
use crate::aggregate::CountsSum;
use crate::endpoint::Endpoint;
use crate::window::Timestamp;

/// Rows of windows and sums, still encoded.
pub(super) struct EncodedRows {
    // A series needs the rows of each start apart.
    by_start: bool,
    groups: HashMap<(i64, Timestamp), Group>,
}

/// One row.
pub(super) struct EncodedRow {
    /// The endpoint's number.
    pub(super) endpoint_id: i64,
    pub(super) start: Timestamp,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
    pub(super) counts: Vec<u8>,
}

struct Group {
    first_at: Timestamp,
    last_at: Timestamp,
    counts: Vec<Vec<u8>>,
}

/// Why rows cannot be added up.
pub(super) enum Unreadable {
    /// A row is damaged.
    Damaged,
    /// A row is of no known endpoint.
    Nameless,
}

impl EncodedRows {
    pub(super) fn of(query: &StatsQuery) -> Self {
        Self { by_start: query.step_secs.is_some(), groups: HashMap::new() }
    }

    pub(super) fn push(&mut self, row: EncodedRow) {
        let start = if self.by_start { row.start } else { Timestamp::EPOCH };
        let none = || Group { first_at: row.first_at, last_at: row.last_at, counts: Vec::new() };
        let group = self.groups.entry((row.endpoint_id, start)).or_insert_with(none);
        group.first_at = group.first_at.min(row.first_at);
        group.last_at = group.last_at.max(row.last_at);
        group.counts.push(row.counts);
    }

    /// Adds all rows to a report.
    pub(super) fn add_to(
        self,
        report: &mut ReportBuilder<'_>,
        endpoints: &HashMap<i64, Endpoint>,
    ) -> Result<(), Unreadable> {
        let mut sum = CountsSum::new();
        for ((id, start), group) in self.groups {
            for counts in &group.counts {
                sum.add(counts).map_err(|_| Unreadable::Damaged)?;
            }
            let endpoint = endpoints.get(&id).ok_or(Unreadable::Nameless)?;
            report.add_counted(endpoint, start, &sum.take(), group.first_at, group.last_at);
        }
        Ok(())
    }
}
