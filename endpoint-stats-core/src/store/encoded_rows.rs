//! [`EncodedRows`]: what a question reads from a database, added up an endpoint at a time.

use std::collections::HashMap;

use super::query::{ReportBuilder, StatsQuery};
use crate::aggregate::CountsSum;
use crate::endpoint::Endpoint;
use crate::sketch::DecodeError;
use crate::window::Timestamp;

/// About as much as 100,000 rows take.
#[cfg(feature = "sqlite")]
const MANY_BYTES: usize = 16 << 20;

/// Rows of windows and sums, still encoded.
pub(super) struct EncodedRows {
    // A series needs the rows of each step apart.
    step_secs: Option<i64>,
    groups: HashMap<(i64, Timestamp), Group>,
    bytes: usize,
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
    /// A row is damaged; stores that look for it themselves find the reason there.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite tells the reason"))]
    Damaged(DecodeError),
    /// A row is of no known endpoint.
    Nameless,
}

impl EncodedRows {
    pub(super) fn of(query: &StatsQuery) -> Self {
        Self { step_secs: query.step_secs, groups: HashMap::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, row: EncodedRow) {
        let start = self.step_secs.map_or(Timestamp::EPOCH, |secs| row.start.rounded_down(secs));
        let none = || Group { first_at: row.first_at, last_at: row.last_at, counts: Vec::new() };
        let group = self.groups.entry((row.endpoint_id, start)).or_insert_with(none);
        group.first_at = group.first_at.min(row.first_at);
        group.last_at = group.last_at.max(row.last_at);
        self.bytes += row.counts.len();
        group.counts.push(row.counts);
    }

    /// Whether it is time to add them up, so that memory does not grow with their number.
    #[cfg(feature = "sqlite")]
    pub(super) fn are_many(&self) -> bool {
        self.bytes > MANY_BYTES
    }

    /// Adds all rows to a report, and forgets them.
    pub(super) fn add_to(
        &mut self,
        report: &mut ReportBuilder<'_>,
        endpoints: &HashMap<i64, Endpoint>,
    ) -> Result<(), Unreadable> {
        self.bytes = 0;
        let mut sum = CountsSum::new();
        for ((id, start), group) in std::mem::take(&mut self.groups) {
            for counts in &group.counts {
                sum.add(counts).map_err(Unreadable::Damaged)?;
            }
            let endpoint = endpoints.get(&id).ok_or(Unreadable::Nameless)?;
            report.add_counted(endpoint, start, &sum.take(), group.first_at, group.last_at);
        }
        Ok(())
    }
}
