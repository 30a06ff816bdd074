//! Sums: what the windows of a minute, an hour, a day and a week that are over add up to.
//!
//! Windows alone are the truth. A span gets its sums when it has been over for a while, beside the roll-up; whoever
//! changes a window in it drops them in the same transaction, and they are made again later. A question reads sums
//! where they are and windows where they are not, so it never waits for them.

use std::collections::BTreeMap;

use diesel::dsl::{delete, insert_into, min, update};
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::error::Failure;
use super::rows::{Row, RowsOf, SumRow, visit};
use super::schema::{endpoint_window, sum, summed};
use crate::aggregate::CountsSum;
use crate::store::plan::plan;
use crate::store::span::Span;
use crate::window::{TimeRange, Timestamp, Width, Window};

/// A span is summed when it has been over for so long: what is flushed late would drop its sums again.
const SETTLED_AFTER_SECS: i64 = 60;

/// Rows of one statement; SQLite takes 32,766 values.
const ROWS_A_STATEMENT: usize = 1_000;

/// The spans in a range that have sums.
pub(super) struct Summed(BTreeMap<Span, Vec<Timestamp>>);

/// What one endpoint's rows in a span add up to.
struct Sum {
    covers: TimeRange,
    first_at: Timestamp,
    last_at: Timestamp,
    counts: Vec<Vec<u8>>,
}

impl Summed {
    pub(super) fn within(connection: &mut SqliteConnection, range: TimeRange) -> Result<Self, Failure> {
        let rows: Vec<(i64, i64)> = summed::table
            .filter(summed::start.ge(range.from.as_unix()))
            .filter(summed::start.lt(range.to.as_unix()))
            .order((summed::span_secs, summed::start))
            .load(connection)?;
        let mut by_span: BTreeMap<Span, Vec<Timestamp>> = BTreeMap::new();
        for (secs, start) in rows {
            let span = Span::ALL.into_iter().find(|span| span.secs() == secs);
            let span = span.ok_or_else(|| Failure::corrupt("sums of an unknown span"))?;
            by_span.entry(span).or_default().push(Timestamp::from_unix(start));
        }
        Ok(Self(by_span))
    }

    /// The stretches of some whole spans that have sums, in order.
    pub(super) fn ranges(&self, span: Span, whole: TimeRange) -> Vec<TimeRange> {
        let starts = self.0.get(&span).map_or(&[][..], Vec::as_slice);
        let starts = &starts[starts.partition_point(|start| *start < whole.from)..];
        let mut ranges: Vec<TimeRange> = Vec::new();
        for start in starts.iter().take_while(|start| **start < whole.to) {
            let end = start.plus_secs(span.secs());
            match ranges.last_mut() {
                Some(last) if last.to == *start => last.to = end,
                _ => ranges.push(TimeRange::new(*start, end)),
            }
        }
        ranges
    }
}

/// Drops the sums that hold some windows, in the spans that `above` names.
pub(super) fn drop_over<'a, I: IntoIterator<Item = Span>>(
    connection: &mut SqliteConnection,
    windows: impl IntoIterator<Item = &'a Window>,
    above: impl Fn(Window) -> I,
) -> Result<(), Failure> {
    for window in windows {
        for span in above(*window) {
            drop_one(connection, span, span.start_of(window.start()))?;
        }
    }
    Ok(())
}

/// Notes in the wider sums that windows lie in wider ones from now on.
pub(super) fn widen(connection: &mut SqliteConnection, moved: &[Window], wider: Width) -> Result<(), Failure> {
    for window in moved {
        let wide = window.widened_to(wider);
        for span in Span::over(wider) {
            let sums = || {
                sum::table
                    .filter(sum::span_secs.eq(span.secs()))
                    .filter(sum::start.eq(span.start_of(wide.start()).as_unix()))
            };
            update(sums().filter(sum::first_start.eq(window.start().as_unix())))
                .set(sum::first_start.eq(wide.start().as_unix()))
                .execute(connection)?;
            update(sums().filter(sum::last_end.eq(window.end().as_unix())))
                .set(sum::last_end.eq(wide.end().as_unix()))
                .execute(connection)?;
        }
    }
    Ok(())
}

fn drop_one(connection: &mut SqliteConnection, span: Span, start: Timestamp) -> Result<(), Failure> {
    let (secs, start) = (span.secs(), start.as_unix());
    if delete(summed::table.find((secs, start))).execute(connection)? > 0 {
        delete(sum::table.filter(sum::span_secs.eq(secs)).filter(sum::start.eq(start))).execute(connection)?;
    }
    Ok(())
}

/// Sums the next span that is over and has no sums; says whether there was one.
pub(super) fn step(connection: &mut SqliteConnection, now: Timestamp) -> Result<bool, Failure> {
    connection.immediate_transaction(|connection| {
        let over = now.minus_secs(SETTLED_AFTER_SECS);
        let summed = Summed::within(connection, TimeRange::ALL)?;
        for span in Span::ALL {
            if let Some(start) = next_without(connection, &summed, span, over)? {
                add_up(connection, span, start)?;
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// The first span over by then that holds narrower windows and has no sums.
fn next_without(
    connection: &mut SqliteConnection,
    summed: &Summed,
    span: Span,
    over: Timestamp,
) -> Result<Option<Timestamp>, Failure> {
    let mut from = Timestamp::from_unix(i64::MIN);
    while let Some(first) = first_window(connection, span, from)? {
        let start = span.start_of(first);
        let end = start.plus_secs(span.secs());
        if end > over {
            return Ok(None);
        }
        if summed.0.get(&span).is_none_or(|starts| starts.binary_search(&start).is_err()) {
            return Ok(Some(start));
        }
        from = end;
    }
    Ok(None)
}

/// The first window from a time on that is narrower than a span.
fn first_window(connection: &mut SqliteConnection, span: Span, from: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let mut first: Option<i64> = None;
    for width in span.widths() {
        let found: Option<i64> = endpoint_window::table
            .filter(endpoint_window::width_secs.eq(width.secs()))
            .filter(endpoint_window::start.ge(from.as_unix()))
            .select(min(endpoint_window::start))
            .first(connection)?;
        first = first.into_iter().chain(found).min();
    }
    Ok(first.map(Timestamp::from_unix))
}

fn add_up(connection: &mut SqliteConnection, span: Span, start: Timestamp) -> Result<(), Failure> {
    let range = TimeRange::new(start, start.plus_secs(span.secs()));
    let narrower = Summed::within(connection, range)?;
    let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
    for part in plan(range, None, span.narrower(), |span, whole| narrower.ranges(span, whole)) {
        visit(connection, part, &RowsOf::All, |row| {
            sums.entry(row.encoded.endpoint_id).or_insert_with(|| Sum::at(&row)).add(row);
            Ok(())
        })?;
    }
    let mut counts = CountsSum::new();
    let rows = sums.into_iter().map(|(id, sum)| sum.into_row(&mut counts, span, start, id));
    let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
    for rows in rows.chunks(ROWS_A_STATEMENT) {
        insert_into(sum::table).values(rows).execute(connection)?;
    }
    insert_into(summed::table)
        .values((summed::span_secs.eq(span.secs()), summed::start.eq(start.as_unix())))
        .execute(connection)?;
    Ok(())
}

// === impl Sum ===

impl Sum {
    fn at(row: &Row) -> Self {
        Self { covers: row.covers, first_at: row.encoded.first_at, last_at: row.encoded.last_at, counts: Vec::new() }
    }

    fn add(&mut self, row: Row) {
        self.covers = TimeRange::new(self.covers.from.min(row.covers.from), self.covers.to.max(row.covers.to));
        self.first_at = self.first_at.min(row.encoded.first_at);
        self.last_at = self.last_at.max(row.encoded.last_at);
        self.counts.push(row.encoded.counts);
    }

    fn into_row(self, counts: &mut CountsSum, span: Span, start: Timestamp, id: i64) -> Result<SumRow, Failure> {
        for encoded in &self.counts {
            counts.add(encoded).map_err(Failure::Damaged)?;
        }
        Ok(SumRow {
            span_secs: span.secs(),
            start: start.as_unix(),
            endpoint_id: id,
            first_start: self.covers.from.as_unix(),
            last_end: self.covers.to.as_unix(),
            first_at: self.first_at.as_unix(),
            last_at: self.last_at.as_unix(),
            counts: counts.take().encode(),
        })
    }
}
