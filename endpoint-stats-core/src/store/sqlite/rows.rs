//! Rows of windows and sums, as a plan asks for them, still encoded.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::error::Failure;
use super::schema::{consumer_window, endpoint_window, sum};
use super::window_row::{ConsumerRow, WindowRow};
use crate::endpoint::Endpoint;
use crate::store::encoded_rows::EncodedRow;
use crate::store::plan::{Part, Table};
use crate::store::span::Span;
use crate::window::{TimeRange, Timestamp, Width};

/// More endpoints than this are picked out here, not by SQLite.
const MAX_IDS: usize = 100;

/// Of which endpoints rows are wanted.
pub(super) enum RowsOf {
    All,
    Few(Vec<i64>),
    Many(std::collections::HashSet<i64>),
}

/// A row, and the windows in it.
pub(super) struct Row {
    pub(super) encoded: EncodedRow,
    pub(super) covers: TimeRange,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sum)]
pub(super) struct SumRow {
    pub(super) span_secs: i64,
    pub(super) start: i64,
    pub(super) endpoint_id: i64,
    pub(super) first_start: i64,
    pub(super) last_end: i64,
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    pub(super) counts: Vec<u8>,
}

/// Reads the rows of a part, one by one.
pub(super) fn visit(
    connection: &mut SqliteConnection,
    part: Part,
    of: &RowsOf,
    mut each: impl FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let starts = part.starts;
    match part.table {
        Table::Windows(width) => {
            visit_windows(connection, width, starts, of, &mut each)?;
            visit_consumers(connection, width, starts, of, &mut each)
        }
        Table::Sums(span) => visit_sums(connection, span, starts, of, &mut each),
    }
}

fn visit_windows(
    connection: &mut SqliteConnection,
    width: Width,
    starts: TimeRange,
    of: &RowsOf,
    each: &mut impl FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut rows = endpoint_window::table
        .filter(endpoint_window::width_secs.eq(width.secs()))
        .filter(endpoint_window::start.ge(starts.from.as_unix()))
        .filter(endpoint_window::start.lt(starts.to.as_unix()))
        .select(WindowRow::as_select())
        .into_boxed();
    if let RowsOf::Few(ids) = of {
        rows = rows.filter(endpoint_window::endpoint_id.eq_any(ids));
    }
    for row in rows.load_iter(connection)? {
        let row: WindowRow = row?;
        if of.wants(row.key().2) {
            each(Row::of_window(row.into_encoded()?, width))?;
        }
    }
    Ok(())
}

fn visit_consumers(
    connection: &mut SqliteConnection,
    width: Width,
    starts: TimeRange,
    of: &RowsOf,
    each: &mut impl FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut rows = consumer_window::table
        .inner_join(
            endpoint_window::table.on(endpoint_window::width_secs
                .eq(consumer_window::width_secs)
                .and(endpoint_window::start.eq(consumer_window::start))
                .and(endpoint_window::endpoint_id.eq(consumer_window::endpoint_id))),
        )
        .filter(consumer_window::width_secs.eq(width.secs()))
        .filter(consumer_window::start.ge(starts.from.as_unix()))
        .filter(consumer_window::start.lt(starts.to.as_unix()))
        .select((ConsumerRow::as_select(), endpoint_window::first_at, endpoint_window::last_at))
        .into_boxed();
    if let RowsOf::Few(ids) = of {
        rows = rows.filter(consumer_window::endpoint_id.eq_any(ids));
    }
    for row in rows.load_iter(connection)? {
        let (row, first_at, last_at): (ConsumerRow, i64, i64) = row?;
        if of.wants(row.endpoint_id()) {
            each(Row::of_window(row.into_encoded(first_at, last_at)?, width))?;
        }
    }
    Ok(())
}

fn visit_sums(
    connection: &mut SqliteConnection,
    span: Span,
    starts: TimeRange,
    of: &RowsOf,
    each: &mut impl FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut rows = sum::table
        .filter(sum::span_secs.eq(span.secs()))
        .filter(sum::start.ge(starts.from.as_unix()))
        .filter(sum::start.lt(starts.to.as_unix()))
        .select(SumRow::as_select())
        .into_boxed();
    if let RowsOf::Few(ids) = of {
        rows = rows.filter(sum::endpoint_id.eq_any(ids));
    }
    for row in rows.load_iter(connection)? {
        let row: SumRow = row?;
        if of.wants(row.endpoint_id) {
            each(row.into())?;
        }
    }
    Ok(())
}

// === impl RowsOf ===

impl RowsOf {
    pub(super) fn these(endpoints: &HashMap<i64, Endpoint>) -> Self {
        if endpoints.len() > MAX_IDS {
            Self::Many(endpoints.keys().copied().collect())
        } else {
            Self::Few(endpoints.keys().copied().collect())
        }
    }

    fn wants(&self, id: i64) -> bool {
        match self {
            Self::Many(ids) => ids.contains(&id),
            Self::All | Self::Few(_) => true,
        }
    }
}

// === impl Row ===

impl Row {
    fn of_window(encoded: EncodedRow, width: Width) -> Self {
        let covers = TimeRange::new(encoded.start, encoded.start.plus_secs(width.secs()));
        Self { encoded, covers }
    }
}

impl From<SumRow> for Row {
    fn from(row: SumRow) -> Self {
        let [start, first_at, last_at, first_start, last_end] =
            [row.start, row.first_at, row.last_at, row.first_start, row.last_end].map(Timestamp::from_unix);
        Self {
            encoded: EncodedRow { endpoint_id: row.endpoint_id, start, first_at, last_at, counts: row.counts },
            covers: TimeRange::new(first_start, last_end),
        }
    }
}
