//! Settling: what has arrived is merged into windows.
//!
//! One process at a time does it, whoever has the lock; the lock, the arrivals' end and the windows' change are one
//! transaction, so a process that is killed changes nothing. A batch that cannot be settled goes to `dead_letter`, with
//! the reason, and holds up none of those behind it.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Double, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Failure;
use super::{PostgresStore, endpoints, windows};
use crate::aggregate::Delta;
use crate::store::batch_encoding::decode_deltas;
use crate::store::gained::Gained;
use crate::store::window_counts::{WindowCounts, WindowKey};

/// The advisory lock of all work on windows: "ESTA".
const LOCK: i64 = 0x4553_5441;

/// Bytes of arrivals that one transaction settles, roughly; at least one batch.
const BYTES_A_STEP: i64 = 8 << 20;

/// So many bytes of arrivals are settled at once; fewer wait for more that goes to the same windows. Every question reads
/// what waits, so it may not be much: this is about 2,000 deltas.
const BYTES_TO_SETTLE: i64 = 256 << 10;

/// How long a batch may wait.
const SETTLE_AFTER_SECS: f64 = 10.0;

/// Whether to wait while another process works on windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    ForTurn,
    Never,
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = Bool)]
    any: bool,
    #[diesel(sql_type = Bool)]
    due: bool,
}

#[derive(QueryableByName)]
struct LastArrival {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct Arrival {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Binary)]
    deltas: Vec<u8>,
}

/// Settles if it is time, and says whether batches are left that wait for more.
pub(super) async fn settle_what_is_due(store: &PostgresStore) -> bool {
    loop {
        let waiting = store.run("look for batches to settle", |connection| Box::pin(waiting(connection))).await;
        let settled = match waiting {
            Ok(Waiting { any, due: false }) => return any,
            Ok(_) => {
                store.run_around("settle batches", |connection| Box::pin(step(connection, Wait::Never, i64::MAX))).await
            }
            Err(error) => Err(error),
        };
        match settled {
            Ok(true) => {}
            // Another process does it.
            Ok(false) => return false,
            Err(error) => {
                let reason = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, reason, "batches wait to be settled; the next flush tries again");
                return false;
            }
        }
    }
}

async fn waiting(connection: &mut AsyncPgConnection) -> Result<Waiting, Failure> {
    let sql = "
        SELECT count(*) > 0 AS any,
               coalesce(sum(octet_length(deltas)) >= $1 OR min(taken_at) < now() - make_interval(secs => $2), false) AS due
        FROM arrival";
    let waiting = diesel::sql_query(sql).bind::<BigInt, _>(BYTES_TO_SETTLE).bind::<Double, _>(SETTLE_AFTER_SECS);
    Ok(waiting.get_result(connection).await?)
}

/// The last batch that has arrived until now: who settles up to it comes to an end, however many arrive meanwhile.
pub(super) async fn last_arrival(connection: &mut AsyncPgConnection) -> Result<i64, Failure> {
    let last: LastArrival =
        diesel::sql_query("SELECT coalesce(max(id), 0) AS id FROM arrival").get_result(connection).await?;
    Ok(last.id)
}

/// Settles some of what has arrived, up to a batch; says whether there may be more.
pub(super) async fn step(connection: &mut AsyncPgConnection, wait: Wait, up_to: i64) -> Result<bool, Failure> {
    connection
        .build_transaction()
        .read_committed()
        .run(async |connection| {
            if !lock(connection, wait).await? {
                return Ok(false);
            }
            let arrivals = next(connection, up_to).await?;
            if arrivals.is_empty() {
                return Ok(false);
            }
            let ids: Vec<i64> = arrivals.iter().map(|arrival| arrival.id).collect();
            let mut deltas = Vec::new();
            for arrival in arrivals {
                match decode_deltas(&arrival.deltas) {
                    Ok(decoded) => deltas.extend(decoded),
                    Err(reason) => put_aside(connection, arrival.id, &reason.to_string()).await?,
                }
            }
            add(connection, deltas).await?;
            diesel::sql_query("DELETE FROM arrival WHERE id = ANY ($1)")
                .bind::<Array<BigInt>, _>(ids)
                .execute(connection)
                .await?;
            Ok(true)
        })
        .await
}

/// Takes the lock, until the transaction ends; in a transaction that reads what is committed, so that what is read after
/// waiting is what the one before left.
pub(super) async fn lock(connection: &mut AsyncPgConnection, wait: Wait) -> Result<bool, Failure> {
    let sql = match wait {
        Wait::ForTurn => "SELECT pg_advisory_xact_lock($1) IS NOT NULL AS locked",
        Wait::Never => "SELECT pg_try_advisory_xact_lock($1) AS locked",
    };
    let found: Locked = diesel::sql_query(sql).bind::<BigInt, _>(LOCK).get_result(connection).await?;
    Ok(found.locked)
}

async fn next(connection: &mut AsyncPgConnection, up_to: i64) -> Result<Vec<Arrival>, Failure> {
    let sql = "
        SELECT id, deltas FROM (
            SELECT id, deltas, sum(octet_length(deltas)) OVER (ORDER BY id) - octet_length(deltas) AS bytes_before
            FROM arrival WHERE id <= $2 ORDER BY id LIMIT 1000
        ) AS oldest
        WHERE bytes_before < $1";
    Ok(diesel::sql_query(sql).bind::<BigInt, _>(BYTES_A_STEP).bind::<BigInt, _>(up_to).load(connection).await?)
}

async fn put_aside(connection: &mut AsyncPgConnection, id: i64, reason: &str) -> Result<(), Failure> {
    let sql = "
        INSERT INTO dead_letter (writer_id, seq, reason, deltas)
        SELECT writer_id, seq, $2, deltas FROM arrival WHERE id = $1";
    tracing::error!(arrival = id, reason, "a batch cannot be settled; it is kept in dead_letter");
    diesel::sql_query(sql).bind::<BigInt, _>(id).bind::<Text, _>(reason).execute(connection).await?;
    Ok(())
}

async fn add(connection: &mut AsyncPgConnection, deltas: Vec<Delta>) -> Result<(), Failure> {
    let named: BTreeSet<_> = deltas.iter().map(|delta| delta.endpoint.clone()).collect();
    let ids = endpoints::ids(connection, &named).await?;
    let mut gained: BTreeMap<i64, Gained> = BTreeMap::new();
    let mut added: BTreeMap<WindowKey, WindowCounts> = BTreeMap::new();
    for delta in deltas {
        let id = *ids.get(&delta.endpoint).ok_or_else(|| Failure::corrupt("an endpoint without its number"))?;
        let by = Gained::by(&delta);
        gained.entry(id).and_modify(|present| present.merge(by)).or_insert(by);
        windows::put(&mut added, (delta.window, id), &delta.into());
    }
    endpoints::note(connection, &gained).await?;
    windows::add(connection, added).await
}
