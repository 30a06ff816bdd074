//! Answering questions.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::TryStreamExt;

use super::endpoints;
use super::error::Failure;
use super::plan::{Part, plan};
use super::windows::{COLUMNS, Table, WindowRow};
use crate::aggregate::Delta;
use crate::store::batch_encoding::decode_deltas;
use crate::store::query::ReportBuilder;
use crate::store::window_counts::WindowCounts;
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

/// Rows of a part of the plan; a query of its own type, so that it is prepared once a connection.
struct Rows<'a> {
    table: Table,
    from: i64,
    to: i64,
    ids: Option<&'a [i64]>,
}

/// What an endpoint, by its number, did in a step of the series.
type Summed = HashMap<(i64, Timestamp), WindowCounts>;

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
                let mut summed = Summed::new();
                for part in plan(query.range, query.step_secs) {
                    sum(connection, &mut summed, Rows::of(part, ids.as_deref()), query.step_secs).await?;
                }
                for ((id, start), found) in summed {
                    let endpoint =
                        endpoints.get(&id).ok_or_else(|| Failure::corrupt("a window without its endpoint"))?;
                    report.add_counted(endpoint, start, &found.counts, found.first_at, found.last_at);
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

/// Adds rows up, an endpoint and step at a time.
async fn sum(
    connection: &mut AsyncPgConnection,
    summed: &mut Summed,
    rows: Rows<'_>,
    step_secs: Option<i64>,
) -> Result<(), Failure> {
    let table = rows.table;
    let mut rows = rows.load_stream::<WindowRow>(connection).await?;
    while let Some(row) = rows.try_next().await? {
        let ((window, id), found) = row.into_counts(table)?;
        let start = window.start().as_unix();
        let step = step_secs.map_or(0, |step| start.saturating_sub(start.rem_euclid(step)));
        match summed.entry((id, Timestamp::from_unix(step))) {
            Entry::Occupied(mut present) => present.get_mut().merge(&found),
            Entry::Vacant(place) => drop(place.insert(found)),
        }
    }
    Ok(())
}

impl<'a> Rows<'a> {
    fn of(part: Part, ids: Option<&'a [i64]>) -> Self {
        Self { table: part.table, from: part.starts.from.as_unix(), to: part.starts.to.as_unix(), ids }
    }
}

impl Query for Rows<'_> {
    type SqlType = (BigInt, BigInt, BigInt, BigInt, Binary);
}

impl QueryId for Rows<'_> {
    type QueryId = ();

    // The text differs by table: the prepared statement is found by it.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for Rows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        out.push_sql(COLUMNS);
        out.push_sql(" FROM ");
        out.push_sql(self.table.name());
        out.push_sql(" WHERE start >= ");
        out.push_bind_param::<BigInt, _>(&self.from)?;
        out.push_sql(" AND start < ");
        out.push_bind_param::<BigInt, _>(&self.to)?;
        if let Some(ids) = &self.ids {
            out.push_sql(" AND endpoint_id = ANY (");
            out.push_bind_param::<Array<BigInt>, _>(ids)?;
            out.push_sql(")");
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
