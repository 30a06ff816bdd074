//! Moving windows into the next wider tier, a bounded step at a time.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Failure;
use super::settle::{Wait, lock};
use super::sums::sum_again;
use super::windows::{COLUMNS, RowKey, WindowRow, merge_into, put};
use crate::store::plan::Table;
use crate::store::span::Span;
use crate::store::window_counts::WindowCounts;
use crate::store::{Retention, RolledUp, WRITERS_KEPT};
use crate::window::{Timestamp, Width};

/// Windows of one start move together, and a step ends after the start that fills it.
const ROWS_A_STEP: i64 = 5_000;

/// Moves or deletes some windows that are past their retention; changes nothing when there are none.
pub(super) async fn step(
    connection: &mut AsyncPgConnection,
    now: Timestamp,
    retention: Retention,
) -> Result<RolledUp, Failure> {
    connection
        .build_transaction()
        .read_committed()
        .run(async |connection| {
            lock(connection, Wait::ForTurn).await?;
            for width in Width::ALL {
                let Some(cutoff) = retention.cutoff(width, now) else {
                    continue;
                };
                let taken = take(connection, width, cutoff).await?;
                if taken.is_empty() {
                    continue;
                }
                return put_away(connection, taken, width).await;
            }
            forget_writers(connection).await?;
            Ok(RolledUp::default())
        })
        .await
}

/// Deletes the oldest windows of a width that end at or before the cutoff, and returns them.
async fn take(
    connection: &mut AsyncPgConnection,
    width: Width,
    cutoff: Timestamp,
) -> Result<Vec<(RowKey, WindowCounts)>, Failure> {
    let table = Table::Windows(width).name();
    let sql = format!(
        "DELETE FROM {table} WHERE start <= (
             SELECT max(start) FROM (SELECT start FROM {table} WHERE start <= $1 ORDER BY start LIMIT $2) AS oldest
         )
         RETURNING {COLUMNS}"
    );
    let rows: Vec<WindowRow> = diesel::sql_query(sql)
        .bind::<BigInt, _>(cutoff.minus_secs(width.secs()).as_unix())
        .bind::<BigInt, _>(ROWS_A_STEP)
        .load(connection)
        .await?;
    rows.into_iter().map(|row| row.into_counts(Table::Windows(width))).collect()
}

/// Adds windows to the next wider ones; those that have none are gone. The sums of that span lose them, and those above
/// stay, for they hold both.
async fn put_away(
    connection: &mut AsyncPgConnection,
    taken: Vec<(RowKey, WindowCounts)>,
    width: Width,
) -> Result<RolledUp, Failure> {
    let rows = taken.len() as u64;
    let mut wide = BTreeMap::new();
    let span = Span::after(width);
    for ((start, id), counted) in taken {
        put(&mut wide, (span.start_of(start), id), &counted);
    }
    let starts: BTreeSet<Timestamp> = wide.keys().map(|(start, _)| *start).collect();
    let done = match span.width() {
        Some(wider) => {
            merge_into(connection, Table::Windows(wider), wide).await?;
            RolledUp { moved: rows, deleted: 0 }
        }
        None => RolledUp { moved: 0, deleted: rows },
    };
    sum_again(connection, &starts, span).await?;
    Ok(done)
}

/// Forgets writers whose time is over, by the database's clock, and that are not among the newest.
async fn forget_writers(connection: &mut AsyncPgConnection) -> Result<(), Failure> {
    let sql = "
        DELETE FROM writer
        WHERE forget_at < now()
          AND last_seen <= (SELECT last_seen FROM writer ORDER BY last_seen DESC OFFSET $1 LIMIT 1)";
    diesel::sql_query(sql).bind::<BigInt, _>(i64::from(WRITERS_KEPT)).execute(connection).await?;
    Ok(())
}
