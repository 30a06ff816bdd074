//! Answering questions.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::endpoints;
use super::error::Failure;
use super::windows::{COLUMNS, WindowRow, table};
use crate::aggregate::Delta;
use crate::store::batch_encoding::decode_deltas;
use crate::store::query::ReportBuilder;
use crate::store::{StatsQuery, StatsReport};
use crate::window::Width;

#[derive(QueryableByName)]
struct Deltas {
    #[diesel(sql_type = Binary)]
    deltas: Vec<u8>,
}

/// Reads everything in one snapshot, so that a batch, settling and a roll-up are seen whole or not at all.
pub(super) async fn report(connection: &mut AsyncPgConnection, query: StatsQuery) -> Result<StatsReport, Failure> {
    connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection| {
            let endpoints = endpoints::by_id(connection).await?;
            let mut report = ReportBuilder::new(&query);
            for width in Width::ALL {
                let (after, before) = (query.range.from.minus_secs(width.secs()), query.range.to);
                let sql = format!("SELECT {COLUMNS} FROM {} WHERE start > $1 AND start < $2", table(width));
                let rows: Vec<WindowRow> = diesel::sql_query(sql)
                    .bind::<BigInt, _>(after.as_unix())
                    .bind::<BigInt, _>(before.as_unix())
                    .load(connection)
                    .await?;
                for row in rows {
                    let ((window, id), found) = row.into_counts(width)?;
                    let endpoint =
                        endpoints.get(&id).ok_or_else(|| Failure::corrupt("a window without its endpoint"))?;
                    report.add(endpoint, window, &found.counts, found.first_at, found.last_at);
                }
            }
            for delta in arrivals(connection).await? {
                report.add(&delta.endpoint, delta.window, &delta.counts, delta.first_at, delta.last_at);
            }
            Ok(report.finish())
        })
        .await
}

/// The deltas that have arrived and are not settled yet; a batch that cannot be read is left to `settle`.
pub(super) async fn arrivals(connection: &mut AsyncPgConnection) -> Result<Vec<Delta>, Failure> {
    let rows: Vec<Deltas> = diesel::sql_query("SELECT deltas FROM arrival").load(connection).await?;
    Ok(rows.iter().filter_map(|row| decode_deltas(&row.deltas).ok()).flatten().collect())
}
