//! Windows that cannot be read any more: set aside, so that they do not hold up those that can.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::TryStreamExt;

use super::error::Failure;
use super::settle::{Wait, lock};
use super::sums::sum_again;
use super::windows::{COLUMNS, WindowRow};
use crate::sketch::DecodeError;
use crate::store::plan::Part;
use crate::store::plan::Table;
use crate::store::span::Span;
use crate::window::{Timestamp, Width};

/// A row that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DamagedRow {
    pub(super) table: Table,
    pub(super) start: i64,
    pub(super) endpoint_id: i64,
    pub(super) reason: DecodeError,
}

/// Moves windows to `damaged_window`, with the reason, and makes the sums that held them anew; sums that are damaged
/// themselves are made anew too.
pub(super) async fn set_aside(connection: &mut AsyncPgConnection, rows: Vec<DamagedRow>) -> Result<(), Failure> {
    connection
        .build_transaction()
        .read_committed()
        .run(async |connection| {
            lock(connection, Wait::ForTurn).await?;
            let mut sums: BTreeMap<Span, BTreeSet<Timestamp>> = BTreeMap::new();
            for row in &rows {
                let spans: Vec<Span> = match row.table {
                    Table::Windows(width) => {
                        move_away(connection, row, width).await?;
                        Span::over(width).collect()
                    }
                    Table::Sums(span) => vec![span],
                };
                for span in spans {
                    sums.entry(span).or_default().insert(span.start_of(Timestamp::from_unix(row.start)));
                }
            }
            for (span, starts) in sums {
                sum_again(connection, &starts, span).await?;
            }
            Ok(())
        })
        .await
}

async fn move_away(connection: &mut AsyncPgConnection, row: &DamagedRow, width: Width) -> Result<(), Failure> {
    let sql = format!(
        "WITH damaged AS (DELETE FROM {} WHERE start = $3 AND endpoint_id = $4 RETURNING *)
         INSERT INTO damaged_window SELECT $1, $2, * FROM damaged",
        row.table.name()
    );
    let moved = diesel::sql_query(sql)
        .bind::<Text, _>(row.reason.to_string())
        .bind::<BigInt, _>(width.secs())
        .bind::<BigInt, _>(row.start)
        .bind::<BigInt, _>(row.endpoint_id)
        .execute(connection)
        .await?;
    if moved > 0 {
        tracing::error!(%row, "a window cannot be read; it is kept in damaged_window");
    }
    Ok(())
}

/// Finds a damaged row among those that a question reads.
pub(super) async fn find(
    connection: &mut AsyncPgConnection,
    parts: &[Part],
    ids: Option<&[i64]>,
) -> Result<Failure, Failure> {
    for part in parts {
        let filter = ids.map_or("", |_| "AND endpoint_id = ANY ($3)");
        let sql = format!("SELECT {COLUMNS} FROM {} WHERE start >= $1 AND start < $2 {filter}", part.table.name());
        let mut rows = diesel::sql_query(sql)
            .bind::<BigInt, _>(part.starts.from.as_unix())
            .bind::<BigInt, _>(part.starts.to.as_unix())
            .bind::<Array<BigInt>, _>(ids.unwrap_or_default())
            .load_stream::<WindowRow>(connection)
            .await?;
        while let Some(row) = rows.try_next().await? {
            if let Err(failure) = row.into_counts(part.table) {
                return Ok(failure);
            }
        }
    }
    Ok(Failure::corrupt("a damaged window that cannot be found"))
}

impl fmt::Display for DamagedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, start, endpoint_id, reason } = self;
        write!(f, "{} start {start} endpoint {endpoint_id}: {reason}", table.name())
    }
}
