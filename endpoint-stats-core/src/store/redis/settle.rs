//! Settling: what has arrived is merged into windows.
//!
//! Whoever has its turn does it, once a second. A turn only saves work: each change follows the version it was made of,
//! so two that settle at once, or one that was killed, change no sum.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use redis::pipe;

use super::change::{Change, Version};
use super::connections::Connection;
use super::error::{Failure, says};
use super::keys::{Keys, window_name};
use super::rows::{NumberedEndpoint, WindowRow, endpoint_name};
use crate::aggregate::Delta;
use crate::endpoint::Endpoint;
use crate::sketch::write_bytes;
use crate::store::batch_encoding::decode_deltas;
use crate::store::gained::Gained;
use crate::store::window_counts::WindowCounts;
use crate::window::Window;

/// Batches that are read at once, and deltas that are settled at once: a script of more would hold up others for long.
const BATCHES_A_STEP: isize = 32;
const DELTAS_A_STEP: usize = 5_000;

/// How long others leave settling to whoever had the turn last, in milliseconds.
const TURN_MILLIS: u64 = 900;

/// Rows of windows on their way into Redis.
pub(super) type Rows = BTreeMap<Window, BTreeMap<i64, WindowCounts>>;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There was nothing to do.
    Nothing,
    /// So many batches were settled.
    Done(usize),
    /// Somebody else changed windows meanwhile.
    Beaten,
}

/// Asks for a turn of settling.
pub(super) async fn take_turn(connection: &mut Connection, keys: &Keys) -> Result<bool, Failure> {
    let mut set = redis::cmd("SET");
    set.arg(keys.turn()).arg(1).arg("NX").arg("PX").arg(TURN_MILLIS);
    match set.query_async::<Option<String>>(connection).await {
        Ok(taken) => Ok(taken.is_some()),
        // Where there is no room for a turn, settling makes some.
        Err(error) if says(&error, "OOM") => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// How many batches wait.
pub(super) async fn waiting(connection: &mut Connection, keys: &Keys) -> Result<usize, Failure> {
    Ok(redis::cmd("LLEN").arg(keys.arrivals()).query_async(connection).await?)
}

/// Settles some of what has arrived.
pub(super) async fn step(connection: &mut Connection, keys: &Keys) -> Result<Step, Failure> {
    let (version, arrivals): (Option<Vec<u8>>, Vec<Vec<u8>>) =
        pipe().get(keys.version()).lrange(keys.arrivals(), 0, BATCHES_A_STEP - 1).query_async(connection).await?;
    if arrivals.is_empty() {
        return Ok(Step::Nothing);
    }
    let (mut deltas, mut dead, mut taken) = (Vec::new(), Vec::new(), 0_usize);
    for arrival in arrivals {
        match decode_deltas(&arrival) {
            Ok(decoded) if taken > 0 && deltas.len() + decoded.len() > DELTAS_A_STEP => break,
            Ok(decoded) => deltas.extend(decoded),
            Err(reason) => {
                tracing::error!(%reason, "a batch cannot be settled; it is kept in the list of the dead");
                dead.push(dead_letter(&reason.to_string(), &arrival));
            }
        }
        taken += 1;
    }
    let mut change = Change::of(keys, &version.into());
    // First what frees memory.
    change.push("LTRIM", keys.arrivals(), 2, vec![taken.to_string().into_bytes(), b"-1".to_vec()]);
    change.push("RPUSH", keys.dead(), 1, dead);
    if !deltas.is_empty() {
        add(connection, keys, &mut change, deltas).await?;
    }
    Ok(if change.make(connection).await? { Step::Done(taken) } else { Step::Beaten })
}

async fn add(connection: &mut Connection, keys: &Keys, change: &mut Change, deltas: Vec<Delta>) -> Result<(), Failure> {
    let named: BTreeSet<_> = deltas.iter().map(|delta| delta.endpoint.clone()).collect();
    let mut endpoints = numbered(connection, keys, named).await?;
    let mut rows = Rows::new();
    for delta in deltas {
        let Some(endpoint) = endpoints.get_mut(&delta.endpoint) else { continue };
        endpoint.status.gain(Gained::by(&delta));
        put(&mut rows, delta.window, endpoint.id, delta.into());
    }
    push_endpoints(change, keys, endpoints.into_values());
    merge_into(connection, keys, change, rows).await
}

/// Finds endpoints, and gives numbers to those that have none.
pub(super) async fn numbered(
    connection: &mut Connection,
    keys: &Keys,
    wanted: BTreeSet<Endpoint>,
) -> Result<HashMap<Endpoint, NumberedEndpoint>, Failure> {
    let names: Vec<_> = wanted.iter().map(endpoint_name).collect();
    let (known, found): (i64, Vec<Option<Vec<u8>>>) =
        pipe().hlen(keys.endpoints()).hmget(keys.endpoints(), &names).query_async(connection).await?;
    let mut next = known;
    let mut endpoints = HashMap::new();
    for ((endpoint, name), found) in wanted.into_iter().zip(names).zip(found) {
        let numbered = if let Some(row) = found {
            NumberedEndpoint::decode(&name, &row)?
        } else {
            next += 1;
            NumberedEndpoint::new(next, endpoint.clone())
        };
        endpoints.insert(endpoint, numbered);
    }
    Ok(endpoints)
}

pub(super) fn push_endpoints(change: &mut Change, keys: &Keys, endpoints: impl Iterator<Item = NumberedEndpoint>) {
    let pairs = endpoints.flat_map(|endpoint| [endpoint_name(&endpoint.status.endpoint), endpoint.encode()]);
    change.push("HSET", keys.endpoints(), 2, pairs.collect());
}

/// Adds one row to others.
pub(super) fn put(rows: &mut Rows, window: Window, id: i64, counted: WindowCounts) {
    let window = rows.entry(window).or_default();
    match window.get_mut(&id) {
        Some(present) => present.merge(&counted),
        None => drop(window.insert(id, counted)),
    }
}

/// Adds rows to those that are there.
pub(super) async fn merge_into(
    connection: &mut Connection,
    keys: &Keys,
    change: &mut Change,
    mut rows: Rows,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut wanted = pipe();
    for (window, rows) in &rows {
        wanted.hmget(keys.window(*window), rows.keys().collect::<Vec<_>>());
    }
    let present: Vec<Vec<Option<Vec<u8>>>> = wanted.query_async(connection).await?;
    for ((window, rows), present) in rows.iter_mut().zip(present) {
        for ((id, counted), present) in rows.iter_mut().zip(present) {
            if let Some(present) = present {
                let present =
                    WindowRow::decode(&present).map_err(|reason| Failure::damaged(keys, *window, *id, reason))?;
                counted.merge(&present);
            }
        }
    }
    change.push("SADD", keys.windows(), 1, rows.keys().map(|window| window_name(*window).into_bytes()).collect());
    for (window, rows) in rows {
        let pairs = rows.iter().flat_map(|(id, counted)| [id.to_string().into_bytes(), WindowRow::encode(counted)]);
        change.push("HSET", keys.window(window), 2, pairs.collect());
    }
    Ok(())
}

/// What cannot be read, behind the reason.
pub(super) fn dead_letter(reason: &str, bytes: &[u8]) -> Vec<u8> {
    let mut letter = Vec::new();
    write_bytes(&mut letter, reason.as_bytes());
    letter.extend_from_slice(bytes);
    letter
}

/// The version of windows and endpoints now.
pub(super) async fn version(connection: &mut Connection, keys: &Keys) -> Result<Version, Failure> {
    let found: Option<Vec<u8>> = redis::cmd("GET").arg(keys.version()).query_async(connection).await?;
    Ok(found.into())
}
