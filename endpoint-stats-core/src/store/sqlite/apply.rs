//! Applying a batch: the mark and the counts in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::{replace_into, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel::sqlite::SqliteConnection;

use super::endpoints;
use super::error::Failure;
use super::schema::writer;
use super::session::{Session, Transaction};
use super::sums;
use super::window_row;
use crate::store::gained::Gained;
use crate::store::span::Span;
use crate::store::window_counts::{WindowCounts, WindowKey};
use crate::store::{Applied, Batch, Judgement, StoreErrorKind, WriterMark};
use crate::window::Window;

pub(super) fn apply(session: &mut Session, batch: &Batch) -> Result<Applied, Failure> {
    session.write(|transaction| match batch.judge(mark(transaction.connection, batch)?) {
        Judgement::Take(digest) => {
            set_mark(transaction.connection, batch, digest)?;
            add_deltas(transaction, batch)?;
            Ok(Applied::Applied)
        }
        Judgement::Leave(applied) => Ok(applied),
        Judgement::Refuse(kind, problem) => Err(Failure::Refused(kind, problem)),
    })
}

fn mark(connection: &mut SqliteConnection, batch: &Batch) -> Result<Option<WriterMark>, Failure> {
    let found: Option<(i64, Vec<u8>)> = writer::table
        .filter(writer::id.eq(batch.writer.as_bytes().as_slice()))
        .select((writer::last_seq, writer::digest))
        .first(connection)
        .optional()?;
    let Some((last_seq, digest)) = found else {
        return Ok(None);
    };
    let last_seq = window_row::as_u64(last_seq)?;
    let digest = digest.try_into().map_err(|_| Failure::corrupt("a digest of the wrong length"))?;
    Ok(Some(WriterMark { last_seq, digest }))
}

fn set_mark(connection: &mut SqliteConnection, batch: &Batch, digest: [u8; 32]) -> Result<(), Failure> {
    let seq = i64::try_from(batch.seq)
        .map_err(|_| Failure::Refused(StoreErrorKind::Rejected, "a sequence number past 2^63".to_owned()))?;
    replace_into(writer::table)
        .values((
            writer::id.eq(batch.writer.as_bytes().as_slice()),
            writer::last_seq.eq(seq),
            writer::digest.eq(digest.as_slice()),
            writer::checkpoint.eq(batch.checkpoint.as_deref()),
            writer::last_seen.eq(sql::<BigInt>("unixepoch()")),
            writer::forget_at
                .eq(sql::<Nullable<BigInt>>("unixepoch() + ").bind::<Nullable<BigInt>, _>(batch.forget_after_secs())),
        ))
        .execute(connection)?;
    Ok(())
}

fn add_deltas(transaction: &mut Transaction<'_>, batch: &Batch) -> Result<(), Failure> {
    let mut windows = BTreeMap::new();
    let mut gained: BTreeMap<i64, Gained> = BTreeMap::new();
    for delta in &batch.deltas {
        let id = transaction.endpoint_id(&delta.endpoint)?;
        let by = Gained::by(delta);
        gained.entry(id).and_modify(|present| present.merge(by)).or_insert(by);
        let counted = WindowCounts::from(delta.clone());
        windows.insert((delta.window, id), counted);
    }
    endpoints::note(transaction.connection, &gained)?;
    let changed: BTreeSet<Window> = windows.keys().map(|(window, _)| *window).collect();
    sums::drop_over(transaction.connection, &changed, |window| Span::over(window.width()))?;
    merge_into(transaction.connection, windows)
}

/// Adds windows to those that are there.
pub(super) fn merge_into(
    connection: &mut SqliteConnection,
    windows: BTreeMap<WindowKey, WindowCounts>,
) -> Result<(), Failure> {
    let mut present = window_row::of_keys(connection, windows.keys())?;
    for (key, added) in windows {
        match present.get_mut(&key) {
            Some(window) => {
                window.merge(&added);
                window_row::write(connection, key, window)?;
            }
            None => window_row::write(connection, key, &added)?,
        }
    }
    Ok(())
}
