//! Sums: what windows add up to in a minute, an hour, a day and a week.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Failure;
use super::windows::{COLUMNS, Rows, WindowRow, merge_into, put};
use crate::store::plan::Table;
use crate::store::span::Span;
use crate::window::Timestamp;

/// Makes the sums that start at some times anew, from the windows that are left in them.
pub(super) async fn sum_again(
    connection: &mut AsyncPgConnection,
    starts: &BTreeSet<Timestamp>,
    span: Span,
) -> Result<(), Failure> {
    let starts: Vec<i64> = starts.iter().map(|start| start.as_unix()).collect();
    diesel::sql_query(format!("DELETE FROM {} WHERE start = ANY ($1)", Table::Sums(span).name()))
        .bind::<Array<BigInt>, _>(&starts)
        .execute(connection)
        .await?;
    let mut sums = Rows::new();
    for table in span.widths().map(Table::Windows) {
        let sql = format!(
            "SELECT {COLUMNS} FROM unnest($1) AS sum_start JOIN {} ON start >= sum_start AND start < sum_start + $2",
            table.name()
        );
        let rows: Vec<WindowRow> = diesel::sql_query(sql)
            .bind::<Array<BigInt>, _>(&starts)
            .bind::<BigInt, _>(span.secs())
            .load(connection)
            .await?;
        for row in rows {
            let ((start, id), counted) = row.into_counts(table)?;
            put(&mut sums, (span.start_of(start), id), &counted);
        }
    }
    merge_into(connection, Table::Sums(span), sums).await
}
