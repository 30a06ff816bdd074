//! Answering questions.

use std::collections::HashMap;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::TryStreamExt;

use super::damaged;
use super::endpoints;
use super::error::Failure;
use crate::aggregate::Delta;
use crate::endpoint::Endpoint;
use crate::store::batch_encoding::decode_deltas;
use crate::store::encoded_rows::{EncodedRow, EncodedRows, Unreadable};
use crate::store::plan::{Part, Table, all_summed, plan};
use crate::store::query::ReportBuilder;
use crate::store::span::Span;
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

#[derive(Queryable)]
struct Row {
    endpoint_id: i64,
    start: i64,
    first_at: i64,
    last_at: i64,
    counts: Vec<u8>,
}

/// The rows that a plan needs.
struct Rows<'a> {
    // Of each table the starts that are needed.
    parts: Vec<(Table, i64, i64)>,
    ids: Option<&'a [i64]>,
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
                add_up(connection, &mut report, &query, &endpoints, ids.as_deref()).await?;
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

async fn add_up(
    connection: &mut AsyncPgConnection,
    report: &mut ReportBuilder<'_>,
    query: &StatsQuery,
    endpoints: &HashMap<i64, Endpoint>,
    ids: Option<&[i64]>,
) -> Result<(), Failure> {
    let parts = plan(query.range, query.step_secs, &Span::ALL, all_summed);
    let mut found = EncodedRows::of(query);
    let mut rows = Rows::of(&parts, ids).load_stream::<Row>(connection).await?;
    while let Some(row) = rows.try_next().await? {
        let Row { endpoint_id, start, first_at, last_at, counts } = row;
        let [start, first_at, last_at] = [start, first_at, last_at].map(Timestamp::from_unix);
        found.push(EncodedRow { endpoint_id, start, first_at, last_at, counts });
    }
    drop(rows);
    match found.add_to(report, endpoints) {
        Ok(()) => Ok(()),
        Err(Unreadable::Damaged(_)) => Err(damaged::find(connection, &parts, ids).await?),
        Err(Unreadable::Nameless) => Err(Failure::corrupt("a window without its endpoint")),
    }
}

// === impl Rows ===

impl<'a> Rows<'a> {
    fn of(parts: &[Part], ids: Option<&'a [i64]>) -> Self {
        let needed = |part: &Part| (part.table, part.starts.from.as_unix(), part.starts.to.as_unix());
        Self { parts: parts.iter().map(needed).collect(), ids }
    }
}

impl Query for Rows<'_> {
    type SqlType = (BigInt, BigInt, BigInt, BigInt, Binary);
}

impl QueryId for Rows<'_> {
    type QueryId = ();

    // The text differs by plan: the prepared statement is found by it.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for Rows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (i, (table, from, to)) in self.parts.iter().enumerate() {
            if i > 0 {
                out.push_sql(" UNION ALL ");
            }
            out.push_sql("SELECT endpoint_id, start, first_at, last_at, counts FROM ");
            out.push_sql(table.name());
            out.push_sql(" WHERE start >= ");
            out.push_bind_param::<BigInt, _>(from)?;
            out.push_sql(" AND start < ");
            out.push_bind_param::<BigInt, _>(to)?;
            if let Some(ids) = &self.ids {
                out.push_sql(" AND endpoint_id = ANY (");
                out.push_bind_param::<Array<BigInt>, _>(ids)?;
                out.push_sql(")");
            }
        }
        Ok(())
    }
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
