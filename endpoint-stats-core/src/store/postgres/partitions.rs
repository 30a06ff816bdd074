//! Partitions: made ahead of the windows they hold, dropped when roll-up and retention have emptied them.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Failure;
use super::settle::{Wait, lock};
use crate::store::Retention;
use crate::store::plan::Table;
use crate::store::span::Span;
use crate::window::{Timestamp, Width};

/// Partitions that are there before they are needed.
const AHEAD: i64 = 2;

#[derive(QueryableByName)]
struct Partition {
    #[diesel(sql_type = Text)]
    parent: String,
    #[diesel(sql_type = BigInt)]
    first: i64,
}

/// One partition to make or to drop.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Make { table: Table, first: i64 },
    Drop { table: Table, first: i64 },
}

/// The partitions of now and of what comes next that are missing, and those that are past their retention.
pub(super) async fn changes(
    connection: &mut AsyncPgConnection,
    now: Timestamp,
    retention: Retention,
) -> Result<Vec<Change>, Failure> {
    let there = there(connection).await?;
    let mut changes = Vec::new();
    for table in Table::all() {
        let length = length_secs(table);
        let is_there = |first: i64| there.contains(&(table.name().to_owned(), first));
        changes
            .extend(wanted(now, length).filter(|first| !is_there(*first)).map(|first| Change::Make { table, first }));
        let Some(cutoff) = cutoff(table, now, retention) else { continue };
        let old = there.iter().filter(|(parent, first)| parent == table.name() && first + length <= cutoff);
        changes.extend(old.map(|(_, first)| Change::Drop { table, first: *first }));
    }
    Ok(changes)
}

/// Makes a partition, or drops one if it is empty: one a transaction, for a transaction that held the locks of one table
/// and waited for those of another would get in the way of questions.
pub(super) async fn change(connection: &mut AsyncPgConnection, change: Change) -> Result<(), Failure> {
    connection
        .build_transaction()
        .read_committed()
        .run(async |connection| {
            lock(connection, Wait::ForTurn).await?;
            match change {
                Change::Make { table, first } => {
                    diesel::sql_query("SELECT make_partition($1, $2, $3)")
                        .bind::<Text, _>(table.name())
                        .bind::<BigInt, _>(first)
                        .bind::<BigInt, _>(first + length_secs(table))
                        .execute(connection)
                        .await?;
                }
                Change::Drop { table, first } => {
                    diesel::sql_query("SELECT drop_empty_partition($1, $2)")
                        .bind::<Text, _>(table.name())
                        .bind::<BigInt, _>(first)
                        .execute(connection)
                        .await?;
                }
            }
            Ok(())
        })
        .await
}

/// How much time a partition of a table holds.
fn length_secs(table: Table) -> i64 {
    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;
    match table {
        Table::Windows(Width::TenSeconds) => HOUR,
        Table::Windows(Width::Minute) | Table::Sums(Span::Minute) => DAY,
        Table::Windows(Width::Hour) | Table::Sums(Span::Hour) => 30 * DAY,
        Table::Windows(Width::Day) | Table::Sums(Span::Day) => 360 * DAY,
        Table::Sums(Span::Week) => 364 * DAY,
    }
}

fn wanted(now: Timestamp, length: i64) -> impl Iterator<Item = i64> {
    let current = now.as_unix().div_euclid(length);
    (0..=AHEAD)
        .filter_map(move |ahead| current.checked_add(ahead)?.checked_mul(length))
        .filter(move |first| first.checked_add(length).is_some())
}

/// What starts before this has left a table.
fn cutoff(table: Table, now: Timestamp, retention: Retention) -> Option<i64> {
    let narrowest_left = match table {
        Table::Windows(width) => width,
        // A sum stands as long as a window is left in it.
        Table::Sums(span) => span.widths().last()?,
    };
    retention.cutoff(narrowest_left, now).map(Timestamp::as_unix)
}

async fn there(connection: &mut AsyncPgConnection) -> Result<BTreeSet<(String, i64)>, Failure> {
    let sql = "
        SELECT parent.relname::text AS parent, substring(part.relname FROM '_from_(-?[0-9]+)$')::bigint AS first
        FROM pg_inherits
        JOIN pg_class AS parent ON parent.oid = inhparent
        JOIN pg_class AS part ON part.oid = inhrelid
        WHERE parent.relnamespace = 'endpoint_stats'::regnamespace AND part.relname ~ '_from_-?[0-9]+$'";
    let rows: Vec<Partition> = diesel::sql_query(sql).load(connection).await?;
    Ok(rows.into_iter().map(|row| (row.parent, row.first)).collect())
}
