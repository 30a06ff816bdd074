//! Answering questions.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::endpoints;
use super::error::Failure;
use super::plan::{Part, plan};
use super::windows::{COLUMNS, Table, WindowRow};
use crate::aggregate::Delta;
use crate::endpoint::Endpoint;
use crate::store::batch_encoding::decode_deltas;
use crate::store::query::ReportBuilder;
use crate::store::{StatsQuery, StatsReport};
use crate::window::{TimeRange, Timestamp, Width};

#[derive(QueryableByName)]
struct Deltas {
    #[diesel(sql_type = Binary)]
    deltas: Vec<u8>,
}

#[derive(QueryableByName)]
struct Ends {
    #[diesel(sql_type = BigInt)]
    width_secs: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    first: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<i64>,
}

/// Reads everything in one snapshot, so that a batch, settling and a roll-up are seen whole or not at all.
pub(super) async fn report(connection: &mut AsyncPgConnection, query: StatsQuery) -> Result<StatsReport, Failure> {
    connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(async |connection| {
            let endpoints = endpoints::matching(connection, &query.filter).await?;
            let ids = (!query.filter.matches_all()).then(|| endpoints.keys().copied().collect::<Vec<_>>());
            let mut report = ReportBuilder::new(&query);
            if !query.range.is_empty() {
                for part in plan(query.range, query.step_secs) {
                    add(connection, &mut report, part, &endpoints, ids.as_deref()).await?;
                }
                if let Some(covered) = covered(connection, query.range, ids.as_deref()).await? {
                    report.cover(covered);
                }
            }
            for delta in arrivals(connection).await? {
                report.add(&delta.endpoint, delta.window, &delta.counts, delta.first_at, delta.last_at);
            }
            Ok(report.finish())
        })
        .await
}

async fn add(
    connection: &mut AsyncPgConnection,
    report: &mut ReportBuilder<'_>,
    part: Part,
    endpoints: &HashMap<i64, Endpoint>,
    ids: Option<&[i64]>,
) -> Result<(), Failure> {
    let filter = ids.map_or("", |_| "AND endpoint_id = ANY ($3)");
    let sql = format!("SELECT {COLUMNS} FROM {} WHERE start >= $1 AND start < $2 {filter}", part.table.name());
    let rows: Vec<WindowRow> = diesel::sql_query(sql)
        .bind::<BigInt, _>(part.starts.from.as_unix())
        .bind::<BigInt, _>(part.starts.to.as_unix())
        .bind::<Array<BigInt>, _>(ids.unwrap_or_default())
        .load(connection)
        .await?;
    for row in rows {
        let ((window, id), found) = row.into_counts(part.table)?;
        let endpoint = endpoints.get(&id).ok_or_else(|| Failure::corrupt("a window without its endpoint"))?;
        report.add_counted(endpoint, window.start(), &found.counts, found.first_at, found.last_at);
    }
    Ok(())
}

/// From the start of the first window in a range to the end of the last.
async fn covered(
    connection: &mut AsyncPgConnection,
    range: TimeRange,
    ids: Option<&[i64]>,
) -> Result<Option<TimeRange>, Failure> {
    let ends = Width::ALL.map(|width| {
        let (name, width) = (Table::Windows(width).name(), width.secs());
        let filter = ids.map_or("", |_| "AND endpoint_id = ANY ($3)");
        format!(
            "SELECT {width}::bigint AS width_secs,
                 (SELECT start FROM {name} WHERE start > $1 - {width} AND start < $2 {filter} ORDER BY start LIMIT 1)
                     AS first,
                 (SELECT start FROM {name} WHERE start > $1 - {width} AND start < $2 {filter} ORDER BY start DESC LIMIT 1)
                     AS last"
        )
    });
    let from = range.from.as_unix().max(i64::MIN + Width::Day.secs());
    let ends: Vec<Ends> = diesel::sql_query(ends.join(" UNION ALL "))
        .bind::<BigInt, _>(from)
        .bind::<BigInt, _>(range.to.as_unix())
        .bind::<Array<BigInt>, _>(ids.unwrap_or_default())
        .load(connection)
        .await?;
    let from = ends.iter().filter_map(|ends| ends.first).min();
    let to = ends.iter().filter_map(|ends| Some(ends.last?.saturating_add(ends.width_secs))).max();
    Ok(from.zip(to).map(|(from, to)| TimeRange::new(Timestamp::from_unix(from), Timestamp::from_unix(to))))
}

/// The deltas that have arrived and are not settled yet; a batch that cannot be read is left to `settle`.
pub(super) async fn arrivals(connection: &mut AsyncPgConnection) -> Result<Vec<Delta>, Failure> {
    let rows: Vec<Deltas> = diesel::sql_query("SELECT deltas FROM arrival").load(connection).await?;
    Ok(rows.iter().filter_map(|row| decode_deltas(&row.deltas).ok()).flatten().collect())
}
