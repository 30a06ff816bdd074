//! Answering questions.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::endpoints;
use super::error::Failure;
use super::schema::{consumer_window, endpoint_window, writer};
use super::window_row::{self, ConsumerRow, WindowRow};
use crate::store::query::ReportBuilder;
use crate::store::{StatsQuery, StatsReport, WriterId, WriterState};
use crate::window::Width;

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
        let endpoints = endpoints::by_id(connection)?;
        let mut report = ReportBuilder::new(query);
        for width in Width::ALL {
            let (after, before) = (query.range.from.minus_secs(width.secs()).as_unix(), query.range.to.as_unix());
            let rows = endpoint_window::table
                .filter(endpoint_window::width_secs.eq(width.secs()))
                .filter(endpoint_window::start.gt(after))
                .filter(endpoint_window::start.lt(before))
                .select(WindowRow::as_select())
                .load(connection)?;
            let consumers = consumer_window::table
                .filter(consumer_window::width_secs.eq(width.secs()))
                .filter(consumer_window::start.gt(after))
                .filter(consumer_window::start.lt(before))
                .select(ConsumerRow::as_select())
                .load(connection)?;
            for ((window, id), found) in window_row::assemble(rows, consumers)? {
                let endpoint = endpoints.get(&id).ok_or_else(|| Failure::corrupt("a window without its endpoint"))?;
                report.add(endpoint, window, &found.counts, found.first_at, found.last_at);
            }
        }
        Ok(report.finish())
    })
}
