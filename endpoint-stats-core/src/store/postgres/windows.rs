//! Windows between Rust and SQL: a table a width.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::damaged::DamagedRow;
use super::error::Failure;
use crate::aggregate::Counts;
use crate::store::plan::Table;
use crate::store::span::Span;
use crate::store::window_counts::{WindowCounts, WindowKey};
use crate::window::{Timestamp, Width};

/// The columns of [`WindowRow`].
pub(super) const COLUMNS: &str = "start, endpoint_id, first_at, last_at, counts";

#[derive(Queryable, QueryableByName)]
pub(super) struct WindowRow {
    #[diesel(sql_type = BigInt)]
    start: i64,
    #[diesel(sql_type = BigInt)]
    endpoint_id: i64,
    #[diesel(sql_type = BigInt)]
    first_at: i64,
    #[diesel(sql_type = BigInt)]
    last_at: i64,
    #[diesel(sql_type = Binary)]
    counts: Vec<u8>,
}

/// Columns of windows, one array each, in the order of their keys.
#[derive(Default)]
struct Columns {
    start: Vec<i64>,
    endpoint_id: Vec<i64>,
    first_at: Vec<i64>,
    last_at: Vec<i64>,
    hits: Vec<i64>,
    errors: Vec<i64>,
    counts: Vec<Vec<u8>>,
}

/// Where a row of a table starts, and the number of its endpoint.
pub(super) type RowKey = (Timestamp, i64);

/// Rows on their way into a table.
pub(super) type Rows = BTreeMap<RowKey, WindowCounts>;

/// Adds windows to those that are there, and to the sums above them; whoever calls this holds the lock, see `settle`.
pub(super) async fn add(
    connection: &mut AsyncPgConnection,
    windows: BTreeMap<WindowKey, WindowCounts>,
) -> Result<(), Failure> {
    let mut by_table: BTreeMap<Table, Rows> = BTreeMap::new();
    for ((window, id), counted) in windows {
        for span in Span::over(window.width()) {
            put(by_table.entry(Table::Sums(span)).or_default(), (span.start_of(window.start()), id), &counted);
        }
        put(by_table.entry(Table::Windows(window.width())).or_default(), (window.start(), id), &counted);
    }
    for (table, rows) in by_table {
        merge_into(connection, table, rows).await?;
    }
    Ok(())
}

/// Adds rows to those that a table has.
pub(super) async fn merge_into(
    connection: &mut AsyncPgConnection,
    table: Table,
    mut rows: Rows,
) -> Result<(), Failure> {
    for (key, present) in present(connection, table, rows.keys()).await? {
        put(&mut rows, key, &present);
    }
    write(connection, table, rows).await
}

/// Adds one row to others.
pub(super) fn put<K: Ord>(rows: &mut BTreeMap<K, WindowCounts>, key: K, counted: &WindowCounts) {
    match rows.get_mut(&key) {
        Some(present) => present.merge(counted),
        None => drop(rows.insert(key, counted.clone())),
    }
}

async fn present(
    connection: &mut AsyncPgConnection,
    table: Table,
    keys: impl Iterator<Item = &RowKey>,
) -> Result<Vec<(RowKey, WindowCounts)>, Failure> {
    let (starts, endpoints): (Vec<i64>, Vec<i64>) = keys.map(|(start, id)| (start.as_unix(), *id)).unzip();
    // The range tells which partitions are not needed; the keys alone do not.
    let (first, last) = (starts.iter().min().copied(), starts.iter().max().copied());
    let sql = format!(
        "SELECT {COLUMNS} FROM {} JOIN unnest($1, $2) AS wanted (start, endpoint_id) USING (start, endpoint_id)
         WHERE start BETWEEN $3 AND $4",
        table.name()
    );
    let rows: Vec<WindowRow> = diesel::sql_query(sql)
        .bind::<Array<BigInt>, _>(starts)
        .bind::<Array<BigInt>, _>(endpoints)
        .bind::<BigInt, _>(first.unwrap_or_default())
        .bind::<BigInt, _>(last.unwrap_or_default())
        .load(connection)
        .await?;
    rows.into_iter().map(|row| row.into_counts(table)).collect()
}

async fn write(connection: &mut AsyncPgConnection, table: Table, rows: Rows) -> Result<(), Failure> {
    let mut columns = Columns::default();
    for (key, counted) in rows {
        columns.push(key, &counted);
    }
    let sql = format!(
        "INSERT INTO {} (start, endpoint_id, first_at, last_at, hits, errors, counts)
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (endpoint_id, start) DO UPDATE
         SET first_at = EXCLUDED.first_at, last_at = EXCLUDED.last_at, hits = EXCLUDED.hits,
             errors = EXCLUDED.errors, counts = EXCLUDED.counts",
        table.name()
    );
    diesel::sql_query(sql)
        .bind::<Array<BigInt>, _>(columns.start)
        .bind::<Array<BigInt>, _>(columns.endpoint_id)
        .bind::<Array<BigInt>, _>(columns.first_at)
        .bind::<Array<BigInt>, _>(columns.last_at)
        .bind::<Array<BigInt>, _>(columns.hits)
        .bind::<Array<BigInt>, _>(columns.errors)
        .bind::<Array<Binary>, _>(columns.counts)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) fn as_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn as_u64(count: i64) -> Result<u64, Failure> {
    u64::try_from(count).map_err(|_| Failure::corrupt("a count below zero"))
}

// === impl Table ===

impl Table {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Width::ALL.into_iter().map(Self::Windows).chain(Span::ALL.into_iter().map(Self::Sums))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Windows(Width::TenSeconds) => "window_10s",
            Self::Windows(Width::Minute) => "window_1m",
            Self::Windows(Width::Hour) => "window_1h",
            Self::Windows(Width::Day) => "window_1d",
            Self::Sums(Span::Minute) => "sum_1m",
            Self::Sums(Span::Hour) => "sum_1h",
            Self::Sums(Span::Day) => "sum_1d",
            Self::Sums(Span::Week) => "sum_1w",
        }
    }
}

// === impl WindowRow ===

impl WindowRow {
    pub(super) fn into_counts(self, table: Table) -> Result<(RowKey, WindowCounts), Failure> {
        let Self { start, endpoint_id, first_at, last_at, counts } = self;
        let counts = Counts::decode(&counts)
            .map_err(|reason| Failure::Damaged(DamagedRow { table, start, endpoint_id, reason }))?;
        let (first_at, last_at) = (Timestamp::from_unix(first_at), Timestamp::from_unix(last_at));
        Ok(((Timestamp::from_unix(start), endpoint_id), WindowCounts { counts, first_at, last_at }))
    }
}

// === impl Columns ===

impl Columns {
    fn push(&mut self, (start, endpoint_id): RowKey, counted: &WindowCounts) {
        self.start.push(start.as_unix());
        self.endpoint_id.push(endpoint_id);
        self.first_at.push(counted.first_at.as_unix());
        self.last_at.push(counted.last_at.as_unix());
        self.hits.push(as_i64(counted.counts.hits()));
        self.errors.push(as_i64(counted.counts.outcomes.errors()));
        self.counts.push(counted.counts.encode());
    }
}
