//! Windows between Rust and SQL: a table a width.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Failure;
use crate::aggregate::Counts;
use crate::store::window_counts::{WindowCounts, WindowKey};
use crate::window::{Timestamp, Width, Window};

/// The columns of [`WindowRow`].
pub(super) const COLUMNS: &str = "start, endpoint_id, first_at, last_at, counts";

#[derive(QueryableByName)]
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

/// The table of a width.
pub(super) fn table(width: Width) -> &'static str {
    match width {
        Width::TenSeconds => "window_10s",
        Width::Minute => "window_1m",
        Width::Hour => "window_1h",
        Width::Day => "window_1d",
    }
}

/// Adds windows to those that are there; whoever calls this holds the lock, see `settle`.
pub(super) async fn merge_into(
    connection: &mut AsyncPgConnection,
    windows: BTreeMap<WindowKey, WindowCounts>,
) -> Result<(), Failure> {
    let mut by_width: BTreeMap<Width, BTreeMap<WindowKey, WindowCounts>> = BTreeMap::new();
    for (key, counted) in windows {
        by_width.entry(key.0.width()).or_default().insert(key, counted);
    }
    for (width, mut windows) in by_width {
        for (key, present) in present(connection, width, windows.keys()).await? {
            if let Some(window) = windows.get_mut(&key) {
                window.merge(&present);
            }
        }
        write(connection, width, windows).await?;
    }
    Ok(())
}

async fn present(
    connection: &mut AsyncPgConnection,
    width: Width,
    keys: impl Iterator<Item = &WindowKey>,
) -> Result<HashMap<WindowKey, WindowCounts>, Failure> {
    let (starts, endpoints): (Vec<i64>, Vec<i64>) = keys.map(|(window, id)| (window.start().as_unix(), *id)).unzip();
    let sql = format!(
        "SELECT {COLUMNS} FROM {} JOIN unnest($1, $2) AS wanted (start, endpoint_id) USING (start, endpoint_id)",
        table(width)
    );
    let rows: Vec<WindowRow> = diesel::sql_query(sql)
        .bind::<Array<BigInt>, _>(starts)
        .bind::<Array<BigInt>, _>(endpoints)
        .load(connection)
        .await?;
    rows.into_iter().map(|row| row.into_counts(width)).collect()
}

async fn write(
    connection: &mut AsyncPgConnection,
    width: Width,
    windows: BTreeMap<WindowKey, WindowCounts>,
) -> Result<(), Failure> {
    let mut columns = Columns::default();
    for (key, counted) in windows {
        columns.push(key, &counted);
    }
    let sql = format!(
        "INSERT INTO {} (start, endpoint_id, first_at, last_at, hits, errors, counts)
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (endpoint_id, start) DO UPDATE
         SET first_at = EXCLUDED.first_at, last_at = EXCLUDED.last_at, hits = EXCLUDED.hits,
             errors = EXCLUDED.errors, counts = EXCLUDED.counts",
        table(width)
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

// === impl WindowRow ===

impl WindowRow {
    pub(super) fn into_counts(self, width: Width) -> Result<(WindowKey, WindowCounts), Failure> {
        let counted = WindowCounts {
            counts: Counts::decode(&self.counts)?,
            first_at: Timestamp::from_unix(self.first_at),
            last_at: Timestamp::from_unix(self.last_at),
        };
        Ok(((Window::containing(Timestamp::from_unix(self.start), width), self.endpoint_id), counted))
    }
}

// === impl Columns ===

impl Columns {
    fn push(&mut self, (window, endpoint_id): WindowKey, counted: &WindowCounts) {
        self.start.push(window.start().as_unix());
        self.endpoint_id.push(endpoint_id);
        self.first_at.push(counted.first_at.as_unix());
        self.last_at.push(counted.last_at.as_unix());
        self.hits.push(as_i64(counted.counts.hits()));
        self.errors.push(as_i64(counted.counts.outcomes.errors()));
        self.counts.push(counted.counts.encode());
    }
}
