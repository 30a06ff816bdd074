//! Taking a batch: the mark and the deltas in one script.

use std::sync::LazyLock;

use redis::Script;
use uuid::Uuid;

use super::connections::Connection;
use super::error::Failure;
use super::keys::Keys;
use crate::store::batch_encoding::encode_deltas;
use crate::store::{Applied, Batch, Judgement, StoreErrorKind, WriterId, WriterMark, WriterState, judge};

/// Copies of a batch that arrive together may each find that another has just changed the mark.
const TRIES: u32 = 5;

/// The largest number that a script tells from the next; a writer that sends a batch a second reaches it in 285 million
/// years.
const MAX_SEQ: u64 = 1 << 53;

/// Moves the writer's mark from the batch before, and keeps the deltas if it did; else answers with the mark.
///
/// Where batches are, a version is, so that no change follows one that Redis had before it lost all. Keys are read before
/// one is written, so that a key of a wrong type changes nothing, and the user's rights are looked at (from Redis 7 on).
/// Numbers are compared as text.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local mark = redis.call('HMGET', KEYS[1], 's', 'd')
         redis.call('LLEN', KEYS[2])
         if (mark[1] or '0') ~= ARGV[1] then return {0, mark[1], mark[2]} end
         local may = redis.acl_check_cmd or function() return true end
         for _, command in ipairs({'HSET', 'EXPIRE', 'PERSIST'}) do
             if not may(command, KEYS[1], '1') then return redis.error_reply('NOPERM no permission for ' .. command) end
         end
         if not may('SET', KEYS[3], '1') then return redis.error_reply('NOPERM no permission for SET') end
         if not may('RPUSH', KEYS[2], '1') then return redis.error_reply('NOPERM no permission for RPUSH') end
         redis.call('HSET', KEYS[1], 's', ARGV[2], 'd', ARGV[3], 'c', ARGV[4])
         if ARGV[6] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('EXPIRE', KEYS[1], ARGV[6]) end
         redis.call('SET', KEYS[3], ARGV[7], 'NX')
         redis.call('RPUSH', KEYS[2], ARGV[5])
         return {1, false, false}",
    )
});

/// A batch on its way into Redis.
#[derive(Clone, Debug)]
pub(super) struct Taking {
    pub(super) writer: WriterId,
    pub(super) seq: u64,
    pub(super) digest: [u8; 32],
    // Behind a byte, so that an empty one is told from none.
    checkpoint: Vec<u8>,
    forget_after_secs: Option<i64>,
    deltas: Vec<u8>,
}

/// What the script found instead of the mark of the batch before.
struct Found(Option<WriterMark>);

impl Taking {
    pub(super) fn of(batch: &Batch) -> Self {
        let checkpoint = batch.checkpoint.as_ref().map_or_else(Vec::new, |bytes| [&[1], &bytes[..]].concat());
        Self {
            writer: batch.writer,
            seq: batch.seq,
            digest: batch.digest(),
            checkpoint,
            forget_after_secs: batch.forget_after_secs(),
            deltas: encode_deltas(&batch.deltas),
        }
    }

    pub(super) fn has_checkpoint(&self) -> bool {
        !self.checkpoint.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.deltas.len() + self.checkpoint.len()
    }
}

pub(super) async fn apply(connection: &mut Connection, keys: &Keys, taking: &Taking) -> Result<Applied, Failure> {
    if taking.seq > MAX_SEQ {
        return Err(Failure::Refused(StoreErrorKind::Rejected, "a sequence number past 2^53".to_owned()));
    }
    for _ in 0..TRIES {
        let mark = match taking.seq.checked_sub(1) {
            Some(before) => match take(connection, keys, taking, before).await? {
                None => return Ok(Applied::Applied),
                Some(Found(mark)) => mark,
            },
            None => None,
        };
        match judge(taking.writer, taking.seq, || taking.digest, mark) {
            Judgement::Take(_) => {}
            Judgement::Leave(applied) => return Ok(applied),
            Judgement::Refuse(kind, problem) => return Err(Failure::Refused(kind, problem)),
        }
    }
    Err(Failure::Refused(StoreErrorKind::Unavailable, "copies of the batch were in each other's way".to_owned()))
}

async fn take(
    connection: &mut Connection,
    keys: &Keys,
    taking: &Taking,
    before: u64,
) -> Result<Option<Found>, Failure> {
    let (taken, seq, digest): (i64, Option<Vec<u8>>, Option<Vec<u8>>) = TAKE
        .key(keys.writer(taking.writer))
        .key(keys.arrivals())
        .key(keys.version())
        .arg(before)
        .arg(taking.seq)
        .arg(&taking.digest[..])
        .arg(&taking.checkpoint[..])
        .arg(&taking.deltas[..])
        .arg(taking.forget_after_secs.map_or_else(String::new, |secs| secs.to_string()))
        .arg(&Uuid::new_v4().as_bytes()[..])
        .invoke_async(connection)
        .await?;
    if taken == 1 {
        return Ok(None);
    }
    let mark = match (seq, digest) {
        (Some(seq), Some(digest)) => Some(WriterMark { last_seq: number(&seq)?, digest: digest_of(&digest)? }),
        (None, None) => None,
        _ => return Err(Failure::corrupt("a writer's mark without its digest")),
    };
    Ok(Some(Found(mark)))
}

pub(super) async fn writer(
    connection: &mut Connection,
    keys: &Keys,
    writer: WriterId,
) -> Result<Option<WriterState>, Failure> {
    let (seq, checkpoint): (Option<Vec<u8>>, Option<Vec<u8>>) =
        redis::cmd("HMGET").arg(keys.writer(writer)).arg("s").arg("c").query_async(connection).await?;
    let Some(seq) = seq else { return Ok(None) };
    let checkpoint = checkpoint.filter(|bytes| !bytes.is_empty()).map(|bytes| bytes[1..].to_vec());
    Ok(Some(WriterState { last_seq: number(&seq)?, checkpoint }))
}

fn number(text: &[u8]) -> Result<u64, Failure> {
    let text = str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Failure::corrupt("a writer's mark is no number"))
}

fn digest_of(bytes: &[u8]) -> Result<[u8; 32], Failure> {
    bytes.try_into().map_err(|_| Failure::corrupt("a digest of the wrong length"))
}
