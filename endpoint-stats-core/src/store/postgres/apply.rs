//! Taking a batch: the mark and the deltas in one statement.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Double, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Failure;
use crate::store::batch_encoding::encode_deltas;
use crate::store::{Applied, Batch, Judgement, StoreErrorKind, WriterId, WriterMark, WriterState, judge};

/// Copies of a batch that arrive together may each find that another has just changed the mark.
const TRIES: u32 = 5;

/// A batch on its way into the database.
pub(super) struct Taking {
    id: WriterId,
    writer: Uuid,
    seq: u64,
    digest: [u8; 32],
    checkpoint: Option<Vec<u8>>,
    forget_after_secs: Option<f64>,
    deltas: Vec<u8>,
}

/// Moves the writer's mark from the batch before, and keeps the deltas if it did.
struct Take<'a> {
    writer: &'a Uuid,
    seq: i64,
    digest: &'a [u8],
    checkpoint: Option<&'a [u8]>,
    forget_after_secs: Option<f64>,
    deltas: &'a [u8],
}

impl Taking {
    pub(super) fn of(batch: &Batch) -> Self {
        Self {
            id: batch.writer,
            writer: uuid_of(batch.writer),
            seq: batch.seq,
            digest: batch.digest(),
            checkpoint: batch.checkpoint.clone(),
            forget_after_secs: batch.forget_after_secs().map(|secs| secs as f64),
            deltas: encode_deltas(&batch.deltas),
        }
    }
}

pub(super) async fn apply(connection: &mut AsyncPgConnection, taking: Taking) -> Result<Applied, Failure> {
    let seq = i64::try_from(taking.seq).map_err(|_| Failure::rejected("a sequence number past 2^63"))?;
    for _ in 0..TRIES {
        if taking.seq > 0 && take(connection, &taking, seq).await? {
            return Ok(Applied::Applied);
        }
        let mark = mark(connection, taking.writer).await?;
        match judge(taking.id, taking.seq, || taking.digest, mark) {
            Judgement::Take(_) => {}
            Judgement::Leave(applied) => return Ok(applied),
            Judgement::Refuse(kind, problem) => return Err(Failure::Refused(kind, problem)),
        }
    }
    Err(Failure::Refused(StoreErrorKind::Unavailable, "copies of the batch were in each other's way".to_owned()))
}

async fn take(connection: &mut AsyncPgConnection, taking: &Taking, seq: i64) -> Result<bool, Failure> {
    let take = Take {
        writer: &taking.writer,
        seq,
        digest: &taking.digest,
        checkpoint: taking.checkpoint.as_deref(),
        forget_after_secs: taking.forget_after_secs,
        deltas: &taking.deltas,
    };
    // Read to the end. The row comes before the commit: one that fails is told of after it, and a server that is stopped
    // in the middle of one sends the row that it had in hand. `get_result` ends with the first row, and would believe it.
    let rows: Vec<bool> = take.load(connection).await?;
    Ok(rows == [true])
}

async fn mark(connection: &mut AsyncPgConnection, writer: Uuid) -> Result<Option<WriterMark>, Failure> {
    let Some(row) = row(connection, writer).await? else { return Ok(None) };
    let digest = row.digest.try_into().map_err(|_| Failure::corrupt("a digest of the wrong length"))?;
    Ok(Some(WriterMark { last_seq: super::windows::as_u64(row.last_seq)?, digest }))
}

pub(super) async fn writer(
    connection: &mut AsyncPgConnection,
    writer: WriterId,
) -> Result<Option<WriterState>, Failure> {
    let Some(row) = row(connection, uuid_of(writer)).await? else { return Ok(None) };
    Ok(Some(WriterState { last_seq: super::windows::as_u64(row.last_seq)?, checkpoint: row.checkpoint }))
}

fn uuid_of(writer: WriterId) -> Uuid {
    Uuid::from_bytes(*writer.as_bytes())
}

#[derive(QueryableByName)]
struct WriterRow {
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
    #[diesel(sql_type = Binary)]
    digest: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    checkpoint: Option<Vec<u8>>,
}

async fn row(connection: &mut AsyncPgConnection, writer: Uuid) -> Result<Option<WriterRow>, Failure> {
    let found = diesel::sql_query("SELECT last_seq, digest, checkpoint FROM writer WHERE id = $1")
        .bind::<SqlUuid, _>(writer)
        .get_result(connection)
        .await;
    Ok(found.optional()?)
}

// === impl Take ===

impl QueryId for Take<'_> {
    type QueryId = Take<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Take<'_> {
    type SqlType = Bool;
}

impl QueryFragment<Pg> for Take<'_> {
    // A writer that is not known starts at 1. Two copies of a batch wait for each other on the writer's row, and the
    // second then finds it moved.
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH batch (writer_id, seq, digest, checkpoint, forget_after, deltas) AS (VALUES (");
        out.push_bind_param::<SqlUuid, _>(self.writer)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.seq)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(self.digest)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Binary>, _>(&self.checkpoint)?;
        out.push_sql(", make_interval(secs => ");
        out.push_bind_param::<Nullable<Double>, _>(&self.forget_after_secs)?;
        out.push_sql("), ");
        out.push_bind_param::<Binary, _>(self.deltas)?;
        out.push_sql(
            ")), moved AS (
                INSERT INTO writer AS present (id, last_seq, digest, checkpoint, forget_at)
                SELECT writer_id, seq, digest, checkpoint, now() + forget_after FROM batch
                WHERE seq = 1 OR EXISTS (SELECT FROM writer WHERE id = writer_id)
                ON CONFLICT (id) DO UPDATE
                SET last_seq = EXCLUDED.last_seq, digest = EXCLUDED.digest, checkpoint = EXCLUDED.checkpoint,
                    last_seen = now(), forget_at = EXCLUDED.forget_at
                WHERE present.last_seq = EXCLUDED.last_seq - 1
                RETURNING id
            ), arrived AS (
                INSERT INTO arrival (writer_id, seq, deltas)
                SELECT writer_id, seq, deltas FROM batch JOIN moved ON id = writer_id
            )
            SELECT EXISTS (SELECT FROM moved)",
        );
        Ok(())
    }
}
