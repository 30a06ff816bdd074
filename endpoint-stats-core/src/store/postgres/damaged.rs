//! Windows that cannot be read any more: set aside, so that they do not hold up those that can.

use std::collections::BTreeSet;
use std::fmt;

use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Failure;
use super::settle::{Wait, lock};
use super::sums::sum_again;
use super::windows::Table;
use crate::sketch::DecodeError;
use crate::window::{Timestamp, Width, Window};

/// A row that cannot be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct DamagedRow {
    pub(super) table: Table,
    pub(super) start: i64,
    pub(super) endpoint_id: i64,
    pub(super) reason: DecodeError,
}

/// Moves a window to `damaged_window`, with the reason, and makes the sums that held it anew; a sum that is itself
/// damaged is made anew too.
pub(super) async fn set_aside(connection: &mut AsyncPgConnection, damaged: DamagedRow) -> Result<(), Failure> {
    connection
        .build_transaction()
        .read_committed()
        .run(async |connection| {
            lock(connection, Wait::ForTurn).await?;
            let (width, start) = (damaged.table.width(), Timestamp::from_unix(damaged.start));
            let window = Window::containing(start, width);
            if let Table::Sums(width) = damaged.table {
                return sum_again(connection, &BTreeSet::from([window]), width).await;
            }
            let table = damaged.table.name();
            let sql = format!(
                "WITH damaged AS (DELETE FROM {table} WHERE start = $3 AND endpoint_id = $4 RETURNING *)
                 INSERT INTO damaged_window SELECT $1, $2, * FROM damaged"
            );
            let moved = diesel::sql_query(sql)
                .bind::<Text, _>(damaged.reason.to_string())
                .bind::<BigInt, _>(width.secs())
                .bind::<BigInt, _>(damaged.start)
                .bind::<BigInt, _>(damaged.endpoint_id)
                .execute(connection)
                .await?;
            if moved > 0 {
                tracing::error!(%damaged, "a window cannot be read; it is kept in damaged_window");
            }
            for wider in Width::ALL.into_iter().filter(|wider| *wider > width) {
                sum_again(connection, &BTreeSet::from([window.widened_to(wider)]), wider).await?;
            }
            Ok(())
        })
        .await
}

impl fmt::Display for DamagedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, start, endpoint_id, reason } = self;
        write!(f, "{} start {start} endpoint {endpoint_id}: {reason}", table.name())
    }
}
