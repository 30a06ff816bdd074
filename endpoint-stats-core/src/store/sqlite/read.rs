//! Answering questions.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::endpoints;
use super::error::Failure;
use super::rows::{RowsOf, visit};
use super::schema::writer;
use super::sums::Summed;
use super::window_row;
use crate::endpoint::Endpoint;
use crate::store::encoded_rows::{EncodedRows, Unreadable};
use crate::store::plan::plan;
use crate::store::query::ReportBuilder;
use crate::store::span::Span;
use crate::store::{StatsQuery, StatsReport, WriterId, WriterState};

pub(super) fn writer(connection: &mut SqliteConnection, id: WriterId) -> Result<Option<WriterState>, Failure> {
    let found: Option<(i64, Option<Vec<u8>>)> = writer::table
        .filter(writer::id.eq(id.as_bytes().as_slice()))
        .select((writer::last_seq, writer::checkpoint))
        .first(connection)
        .optional()?;
    let Some((last_seq, checkpoint)) = found else {
        return Ok(None);
    };
    Ok(Some(WriterState { last_seq: window_row::as_u64(last_seq)?, checkpoint }))
}

/// Reads everything in one transaction, so that a batch or a roll-up is seen whole or not at all.
pub(super) fn report(connection: &mut SqliteConnection, query: &StatsQuery) -> Result<StatsReport, Failure> {
    connection.transaction(|connection| {
        let endpoints = endpoints::matching(connection, &query.filter)?;
        let of = if query.filter.matches_all() { RowsOf::All } else { RowsOf::these(&endpoints) };
        let mut report = ReportBuilder::new(query);
        let mut rows = EncodedRows::of(query);
        if !query.range.is_empty() && !endpoints.is_empty() {
            let summed = Summed::within(connection, query.range)?;
            for part in plan(query.range, query.step_secs, &Span::ALL, |span, whole| summed.ranges(span, whole)) {
                visit(connection, part, &of, |row| {
                    report.cover(row.covers);
                    rows.push(row.encoded);
                    if rows.are_many() { add(&mut rows, &mut report, &endpoints) } else { Ok(()) }
                })?;
            }
        }
        add(&mut rows, &mut report, &endpoints)?;
        Ok(report.finish())
    })
}

fn add(
    rows: &mut EncodedRows,
    report: &mut ReportBuilder<'_>,
    endpoints: &HashMap<i64, Endpoint>,
) -> Result<(), Failure> {
    rows.add_to(report, endpoints).map_err(|unreadable| match unreadable {
        Unreadable::Damaged(reason) => Failure::Damaged(reason),
        Unreadable::Nameless => Failure::corrupt("a window without its endpoint"),
    })
}
