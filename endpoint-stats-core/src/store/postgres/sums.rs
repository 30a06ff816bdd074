//! Sums: what narrower windows add up to.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{Array, BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Failure;
use super::windows::{COLUMNS, Table, WindowRow, merge_into, put};
use crate::window::{Width, Window};

/// Makes the sums of some windows anew, from the narrower windows that are left in them.
pub(super) async fn sum_again(
    connection: &mut AsyncPgConnection,
    windows: &BTreeSet<Window>,
    width: Width,
) -> Result<(), Failure> {
    let starts: Vec<i64> = windows.iter().map(|window| window.start().as_unix()).collect();
    diesel::sql_query(format!("DELETE FROM {} WHERE start = ANY ($1)", Table::Sums(width).name()))
        .bind::<Array<BigInt>, _>(&starts)
        .execute(connection)
        .await?;
    let mut sums = BTreeMap::new();
    for narrower in Width::ALL.into_iter().filter(|narrower| *narrower < width) {
        let sql = format!(
            "SELECT {COLUMNS} FROM unnest($1) AS wide JOIN {} ON start >= wide AND start < wide + $2",
            Table::Windows(narrower).name()
        );
        let rows: Vec<WindowRow> = diesel::sql_query(sql)
            .bind::<Array<BigInt>, _>(&starts)
            .bind::<BigInt, _>(width.secs())
            .load(connection)
            .await?;
        for row in rows {
            let ((window, id), counted) = row.into_counts(Table::Windows(narrower))?;
            put(&mut sums, (window.widened_to(width), id), &counted);
        }
    }
    merge_into(connection, Table::Sums(width), sums).await
}
