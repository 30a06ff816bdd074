//! Moving windows into the next wider tier, a bounded step at a time.

use std::collections::{BTreeMap, HashMap};

use diesel::dsl::delete;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::apply::merge_into;
use super::error::Failure;
use super::schema::{consumer_window, endpoint_window, writer};
use super::sums;
use super::window_row;
use crate::store::span::Span;
use crate::store::window_counts::{WindowCounts, WindowKey};
use crate::store::{Retention, RolledUp, WRITERS_KEPT};
use crate::window::{Timestamp, Width, Window};

/// Windows of one start move together, and a step ends after the start that fills it.
const ROWS_A_STEP: i64 = 1_000;

/// Moves or deletes some windows that are past their retention; changes nothing when there are none.
pub(super) fn step(
    connection: &mut SqliteConnection,
    now: Timestamp,
    retention: &Retention,
) -> Result<RolledUp, Failure> {
    connection.immediate_transaction(|connection| {
        for width in Width::ALL {
            let Some(cutoff) = retention.cutoff(width, now) else {
                continue;
            };
            let expired = expired(connection, width, cutoff)?;
            if expired.is_empty() {
                continue;
            }
            // Wider sums hold them wherever they are.
            sums::drop_over(connection, &expired, |window| [Span::after(window.width())])?;
            let moved = take(connection, &expired)?;
            let rows = moved.len() as u64;
            return match width.wider() {
                Some(wider) => {
                    sums::widen(connection, &expired, wider)?;
                    merge_into(connection, widened(moved, wider))?;
                    Ok(RolledUp { moved: rows, deleted: 0 })
                }
                None => Ok(RolledUp { moved: 0, deleted: rows }),
            };
        }
        forget_writers(connection, now)?;
        Ok(RolledUp::default())
    })
}

/// The oldest windows of a width that end at or before the cutoff.
fn expired(connection: &mut SqliteConnection, width: Width, cutoff: Timestamp) -> Result<Vec<Window>, Failure> {
    let starts: Vec<i64> = endpoint_window::table
        .filter(endpoint_window::width_secs.eq(width.secs()))
        .filter(endpoint_window::start.le(cutoff.minus_secs(width.secs()).as_unix()))
        .order(endpoint_window::start)
        .limit(ROWS_A_STEP)
        .select(endpoint_window::start)
        .load(connection)?;
    let mut windows: Vec<_> =
        starts.into_iter().map(|start| Window::containing(Timestamp::from_unix(start), width)).collect();
    windows.dedup();
    Ok(windows)
}

/// Reads windows and deletes them.
fn take(connection: &mut SqliteConnection, windows: &[Window]) -> Result<HashMap<WindowKey, WindowCounts>, Failure> {
    let taken = window_row::of_windows(connection, windows)?;
    for window in windows {
        let (width, start) = (window.width().secs(), window.start().as_unix());
        delete(endpoint_window::table)
            .filter(endpoint_window::width_secs.eq(width))
            .filter(endpoint_window::start.eq(start))
            .execute(connection)?;
        delete(consumer_window::table)
            .filter(consumer_window::width_secs.eq(width))
            .filter(consumer_window::start.eq(start))
            .execute(connection)?;
    }
    Ok(taken)
}

fn widened(windows: HashMap<WindowKey, WindowCounts>, width: Width) -> BTreeMap<WindowKey, WindowCounts> {
    let mut wide: BTreeMap<WindowKey, WindowCounts> = BTreeMap::new();
    for ((window, id), counted) in windows {
        wide.entry((window.widened_to(width), id)).and_modify(|present| present.merge(&counted)).or_insert(counted);
    }
    wide
}

/// Forgets writers whose time is over and that are not among the newest.
///
/// A batch whose writer was forgotten before it was sent again would count twice, and a clock that is wrong makes every
/// writer look old; so the clock alone does not decide.
fn forget_writers(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), Failure> {
    let beyond: Option<i64> = writer::table
        .order(writer::last_seen.desc())
        .offset(WRITERS_KEPT.into())
        .select(writer::last_seen)
        .first(connection)
        .optional()?;
    let Some(surplus) = beyond else { return Ok(()) };
    delete(writer::table)
        .filter(writer::last_seen.le(surplus))
        .filter(writer::forget_at.lt(now.as_unix()))
        .execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use diesel::dsl::sql;
    use diesel::sql_types::BigInt;

    use super::*;
    use crate::store::sqlite::{apply, connection, read};
    use crate::store::{Batch, WriterId};

    #[test]
    fn writers_whose_time_is_over_are_forgotten_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut session = connection::open(&folder.path().join("stats.db")).unwrap();
        let batch = |hours| Batch::new(WriterId::random(), 1, Vec::new()).remembered_for(Duration::from_hours(hours));
        let over = [batch(1), batch(1).with_checkpoint(vec![1])];
        let kept = [batch(2), batch(2).with_checkpoint(vec![1]), Batch::new(WriterId::random(), 1, Vec::new())];
        for batch in over.iter().chain(&kept) {
            apply::apply(&mut session, batch).unwrap();
        }
        let newer = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
            INSERT INTO writer SELECT randomblob(16), 1, x'', NULL, unixepoch() + 10, 0 FROM n";
        diesel::sql_query(newer).execute(&mut session.connection).unwrap();
        let now: i64 = diesel::select(sql::<BigInt>("unixepoch()")).get_result(&mut session.connection).unwrap();
        let mut known = |batches: &[Batch], minutes: i64| {
            let later = Timestamp::from_unix(now + minutes * 60);
            step(&mut session.connection, later, &Retention::default()).unwrap();
            let found = batches.iter().filter_map(|batch| read::writer(&mut session.connection, batch.writer).unwrap());
            found.count()
        };

        assert_eq!((known(&over, 59), known(&over, 61)), (2, 0));
        assert_eq!(known(&kept, 119), 3);
        let among_the_newest = writer::table.count().get_result::<i64>(&mut session.connection).unwrap();
        assert_eq!(among_the_newest, 10_003);
    }
}
