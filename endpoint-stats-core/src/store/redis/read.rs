//! Answering questions.

use std::collections::{BTreeMap, HashMap};

use redis::pipe;

use super::change::Version;
use super::connections::Connection;
use super::error::Failure;
use super::keys::{Keys, window_of};
use super::rows::{NumberedEndpoint, WindowRow, endpoints};
use super::settle::version;
use crate::aggregate::{Counts, Delta};
use crate::endpoint::Endpoint;
use crate::store::batch_encoding::decode_deltas;
use crate::store::encoded_rows::{EncodedRow, EncodedRows, Unreadable};
use crate::store::gained::Gained;
use crate::store::query::ReportBuilder;
use crate::store::{EndpointStatus, StatsQuery};
use crate::window::{TimeRange, Window};

/// Each change makes a reader begin again; changes come once a second.
const TRIES: u32 = 20;

/// Windows that are read at once.
const WINDOWS_A_READ: usize = 32;

/// So few endpoints are asked for one by one.
const FEW_ENDPOINTS: usize = 100;

/// What is there at a version, and what has arrived since.
struct Snapshot {
    version: Version,
    arrivals: Vec<Delta>,
    windows: Vec<Window>,
    endpoints: HashMap<i64, NumberedEndpoint>,
}

/// Rows of windows, and the windows that have any.
struct Found {
    rows: EncodedRows,
    windows: Vec<Window>,
}

/// Adds what a shard knows to a report.
pub(super) async fn add_to_report(
    connection: &mut Connection,
    keys: &Keys,
    query: &StatsQuery,
    report: &mut ReportBuilder<'_>,
) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let snapshot = snapshot(connection, keys).await?;
        let matching: HashMap<i64, Endpoint> = snapshot
            .endpoints
            .values()
            .filter(|endpoint| query.filter.matches(&endpoint.status.endpoint))
            .map(|endpoint| (endpoint.id, endpoint.status.endpoint.clone()))
            .collect();
        let needed: Vec<Window> = snapshot.windows.into_iter().filter(|window| window.overlaps(query.range)).collect();
        let mut found = read(connection, keys, query, &matching, &needed).await?;
        if version(connection, keys).await? != snapshot.version {
            continue;
        }
        for window in found.windows {
            report.cover(TimeRange::new(window.start(), window.end()));
        }
        match found.rows.add_to(report, &matching) {
            Ok(()) => {}
            Err(Unreadable::Damaged(_)) => return Err(find_damaged(connection, keys, &needed).await?),
            Err(Unreadable::Nameless) => return Err(Failure::corrupt("a window without its endpoint")),
        }
        for delta in snapshot.arrivals {
            report.add(&delta.endpoint, delta.window, &delta.counts, delta.first_at, delta.last_at);
        }
        return Ok(());
    }
    Err(Failure::NoAnswer("windows change faster than they can be read"))
}

/// Adds every endpoint of a shard, with what has arrived and is not settled yet.
pub(super) async fn add_endpoints(
    connection: &mut Connection,
    keys: &Keys,
    all: &mut BTreeMap<Endpoint, EndpointStatus>,
) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let snapshot = snapshot(connection, keys).await?;
        if version(connection, keys).await? != snapshot.version {
            continue;
        }
        for known in snapshot.endpoints.into_values() {
            let status = known.status;
            match all.get_mut(&status.endpoint) {
                Some(present) => present.merge(&status),
                None => drop(all.insert(status.endpoint.clone(), status)),
            }
        }
        for delta in snapshot.arrivals {
            let status = all
                .entry(delta.endpoint.clone())
                .or_insert_with(|| NumberedEndpoint::new(0, delta.endpoint.clone()).status);
            status.gain(Gained::by(&delta));
        }
        return Ok(());
    }
    Err(Failure::NoAnswer("endpoints change faster than they can be read"))
}

/// The version comes first: whatever changes after it was read, the version read at the end tells.
async fn snapshot(connection: &mut Connection, keys: &Keys) -> Result<Snapshot, Failure> {
    type Read = (Option<Vec<u8>>, Vec<Vec<u8>>, Vec<String>, Vec<(Vec<u8>, Vec<u8>)>);
    let (version, arrivals, windows, hash): Read = pipe()
        .get(keys.version())
        .lrange(keys.arrivals(), 0, -1)
        .smembers(keys.windows())
        .hgetall(keys.endpoints())
        .query_async(connection)
        .await?;
    Ok(Snapshot {
        version: version.into(),
        // A batch that cannot be read is left to `settle`.
        arrivals: arrivals.iter().filter_map(|bytes| decode_deltas(bytes).ok()).flatten().collect(),
        windows: windows.iter().filter_map(|name| window_of(name)).collect(),
        endpoints: endpoints(hash)?,
    })
}

async fn read(
    connection: &mut Connection,
    keys: &Keys,
    query: &StatsQuery,
    endpoints: &HashMap<i64, Endpoint>,
    windows: &[Window],
) -> Result<Found, Failure> {
    let mut found = Found { rows: EncodedRows::of(query), windows: Vec::new() };
    if endpoints.is_empty() {
        return Ok(found);
    }
    for windows in windows.chunks(WINDOWS_A_READ) {
        let rows = if endpoints.len() <= FEW_ENDPOINTS {
            some_rows(connection, keys, windows, endpoints.keys().copied().collect()).await?
        } else {
            all_rows(connection, keys, windows).await?
        };
        for (window, rows) in windows.iter().zip(rows) {
            let mut is_any = false;
            for (endpoint_id, row) in rows {
                if endpoints.contains_key(&endpoint_id) {
                    is_any = true;
                    let row =
                        WindowRow::read(&row).map_err(|reason| Failure::damaged(keys, *window, endpoint_id, reason))?;
                    found.rows.push(EncodedRow {
                        endpoint_id,
                        start: window.start(),
                        first_at: row.first_at,
                        last_at: row.last_at,
                        counts: row.counts.to_vec(),
                    });
                }
            }
            found.windows.extend(is_any.then_some(*window));
        }
    }
    Ok(found)
}

async fn all_rows(
    connection: &mut Connection,
    keys: &Keys,
    windows: &[Window],
) -> Result<Vec<Vec<(i64, Vec<u8>)>>, Failure> {
    let mut all = pipe();
    for window in windows {
        all.hgetall(keys.window(*window));
    }
    Ok(all.query_async(connection).await?)
}

async fn some_rows(
    connection: &mut Connection,
    keys: &Keys,
    windows: &[Window],
    ids: Vec<i64>,
) -> Result<Vec<Vec<(i64, Vec<u8>)>>, Failure> {
    let mut some = pipe();
    for window in windows {
        some.hmget(keys.window(*window), &ids);
    }
    let found: Vec<Vec<Option<Vec<u8>>>> = some.query_async(connection).await?;
    let there = |rows: Vec<Option<Vec<u8>>>| ids.iter().zip(rows).filter_map(|(id, row)| Some((*id, row?))).collect();
    Ok(found.into_iter().map(there).collect())
}

async fn find_damaged(connection: &mut Connection, keys: &Keys, windows: &[Window]) -> Result<Failure, Failure> {
    for windows in windows.chunks(WINDOWS_A_READ) {
        for (window, rows) in windows.iter().zip(all_rows(connection, keys, windows).await?) {
            for (id, row) in rows {
                if let Err(reason) = WindowRow::read(&row).and_then(|row| Counts::decode(row.counts)) {
                    return Ok(Failure::damaged(keys, *window, id, reason));
                }
            }
        }
    }
    Ok(Failure::corrupt("a damaged window that cannot be found"))
}
