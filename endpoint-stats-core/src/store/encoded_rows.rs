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
    step_secs: Option<i64>,
    rows: Vec<EncodedRow>,
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
        Self { step_secs: query.step_secs, rows: Vec::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, row: EncodedRow) {
        self.bytes += row.counts.len();
        self.rows.push(row);
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
        let mut rows = std::mem::take(&mut self.rows);
        let mut sum = CountsSum::new();
        rows.sort_unstable_by_key(|row| row.endpoint_id);
        for rows in rows.chunk_by(|a, b| a.endpoint_id == b.endpoint_id) {
            let endpoint = endpoints.get(&rows[0].endpoint_id).ok_or(Unreadable::Nameless)?;
            self.add_endpoint(report, endpoint, rows, &mut sum)?;
        }
        if let Some(secs) = self.step_secs {
            let step = |row: &EncodedRow| row.start.rounded_down(secs);
            rows.sort_unstable_by_key(step);
            for rows in rows.chunk_by(|a, b| step(a) == step(b)) {
                for row in rows {
                    sum.add(&row.counts).map_err(Unreadable::Damaged)?;
                }
                report.add_to_series(step(&rows[0]), &sum.take());
            }
        }
        Ok(())
    }

    fn add_endpoint(
        &self,
        report: &mut ReportBuilder<'_>,
        endpoint: &Endpoint,
        rows: &[EncodedRow],
        sum: &mut CountsSum,
    ) -> Result<(), Unreadable> {
        let (mut first_at, mut last_at) = (rows[0].first_at, rows[0].last_at);
        let mut hits_by_step = Vec::new();
        for row in rows {
            let hits = sum.add(&row.counts).map_err(Unreadable::Damaged)?;
            first_at = first_at.min(row.first_at);
            last_at = last_at.max(row.last_at);
            hits_by_step.extend(self.step_secs.map(|secs| (row.start.rounded_down(secs), hits)));
        }
        report.add_to_endpoint(endpoint, &sum.take(), first_at, last_at, hits_by_step);
        Ok(())
    }
}
