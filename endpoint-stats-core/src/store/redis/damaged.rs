//! Rows that cannot be read any more: set aside, so that they do not hold up those that can.

use std::fmt;

use super::change::Change;
use super::connections::Connection;
use super::error::Failure;
use super::keys::{Keys, window_name};
use super::rows::WindowRow;
use super::settle::{dead_letter, version};
use crate::sketch::DecodeError;
use crate::window::Window;

/// A row that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct DamagedRow {
    pub(super) keys: Keys,
    pub(super) window: Window,
    pub(super) endpoint_id: i64,
    pub(super) reason: DecodeError,
}

/// Moves a row to the dead, with the reason.
pub(super) async fn set_aside(connection: &mut Connection, row: &DamagedRow) -> Result<(), Failure> {
    let keys = &row.keys;
    let before = version(connection, keys).await?;
    let key = keys.window(row.window);
    let found: Option<Vec<u8>> = redis::cmd("HGET").arg(&key).arg(row.endpoint_id).query_async(connection).await?;
    let Some(bytes) = found.filter(|bytes| WindowRow::decode(bytes).is_err()) else { return Ok(()) };
    let mut change = Change::of(keys, &before);
    change.push("HDEL", key, 1, vec![row.endpoint_id.to_string().into_bytes()]);
    change.push("RPUSH", keys.dead(), 1, vec![dead_letter(&row.to_string(), &bytes)]);
    if change.make(connection).await? {
        tracing::error!(%row, "a window cannot be read; it is kept in the list of the dead");
    }
    Ok(())
}

impl fmt::Display for DamagedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window {} endpoint {}: {}", window_name(self.window), self.endpoint_id, self.reason)
    }
}
