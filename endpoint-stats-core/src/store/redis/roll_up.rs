//! Moving windows into the next wider tier, a bounded step at a time.

use redis::pipe;

use super::change::{Change, Version};
use super::connections::Connection;
use super::error::Failure;
use super::keys::{Keys, window_name, window_of};
use super::rows::WindowRow;
use super::settle::{Rows, merge_into, put};
use crate::store::{Retention, RolledUp};
use crate::window::{Timestamp, Width, Window};

/// Rows that one step moves, roughly; at least one window's.
const ROWS_A_STEP: u64 = 2_000;

/// Windows that are looked at in one step.
const WINDOWS_A_STEP: usize = 64;

/// What a step did.
pub(super) enum Step {
    Nothing,
    Done(RolledUp),
    /// Somebody else changed windows meanwhile.
    Beaten,
}

/// Moves or deletes some windows that are past their retention.
pub(super) async fn step(
    connection: &mut Connection,
    keys: &Keys,
    now: Timestamp,
    retention: &Retention,
) -> Result<Step, Failure> {
    let (version, names): (Option<Vec<u8>>, Vec<String>) =
        pipe().get(keys.version()).smembers(keys.windows()).query_async(connection).await?;
    let windows: Vec<Window> = names.iter().filter_map(|name| window_of(name)).collect();
    for width in Width::ALL {
        let Some(cutoff) = retention.cutoff(width, now) else { continue };
        let is_expired = |window: &&Window| window.width() == width && window.end() <= cutoff;
        let mut expired: Vec<Window> = windows.iter().filter(is_expired).copied().collect();
        if !expired.is_empty() {
            expired.sort_unstable();
            expired.truncate(WINDOWS_A_STEP);
            return put_away(connection, keys, version.into(), expired, width).await;
        }
    }
    Ok(Step::Nothing)
}

async fn put_away(
    connection: &mut Connection,
    keys: &Keys,
    version: Version,
    mut expired: Vec<Window>,
    width: Width,
) -> Result<Step, Failure> {
    let mut lengths = pipe();
    for window in &expired {
        lengths.hlen(keys.window(*window));
    }
    let lengths: Vec<u64> = lengths.query_async(connection).await?;
    let mut rows_before = 0;
    let fit = lengths.iter().take_while(|rows| {
        let fits = rows_before < ROWS_A_STEP;
        rows_before += **rows;
        fits
    });
    expired.truncate(fit.count());

    let mut all = pipe();
    for window in &expired {
        all.hgetall(keys.window(*window));
    }
    let found: Vec<Vec<(i64, Vec<u8>)>> = all.query_async(connection).await?;
    let mut change = Change::of(keys, &version);
    for window in &expired {
        change.delete(keys.window(*window));
    }
    change.push("SREM", keys.windows(), 1, expired.iter().map(|window| window_name(*window).into_bytes()).collect());
    let rows = found.iter().map(|rows| rows.len() as u64).sum();
    let done = match width.wider() {
        Some(wider) => {
            let mut widened = Rows::new();
            for (window, rows) in expired.iter().zip(&found) {
                for (id, row) in rows {
                    let counted =
                        WindowRow::decode(row).map_err(|reason| Failure::damaged(keys, *window, *id, reason))?;
                    put(&mut widened, window.widened_to(wider), *id, counted);
                }
            }
            merge_into(connection, keys, &mut change, widened).await?;
            RolledUp { moved: rows, deleted: 0 }
        }
        None => RolledUp { moved: 0, deleted: rows },
    };
    Ok(if change.make(connection).await? { Step::Done(done) } else { Step::Beaten })
}
