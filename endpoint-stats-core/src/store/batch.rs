//! [`Batch`]: the deltas of one flush, numbered.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::{Applied, StoreErrorKind};
use crate::aggregate::Delta;
use crate::sketch::capped_sum;

/// A writer without a checkpoint that was not seen for 30 days may be forgotten.
const FORGET_AFTER_SECS: i64 = 30 * 86_400;

/// A hundred years: no store has to reckon with more.
const MOST_SECS: i64 = 100 * 365 * 86_400;

/// The deltas of one flush, with the writer's id and a sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Who wrote it.
    pub writer: WriterId,
    /// Its number: 1 for the writer's first batch, then one more each time.
    pub seq: u64,
    /// What it adds, in the order of endpoint and window; each pair stands once.
    pub deltas: Vec<Delta>,
    /// How far the writer got in its input, kept with the mark; opaque to the store.
    pub checkpoint: Option<Vec<u8>>,
    /// What tells it from another batch with its number; `None` takes the hash of everything it says.
    pub identity: Option<[u8; 32]>,
    /// How long its writer is remembered at least; `None` is 30 days, and for ever if it has a checkpoint.
    pub remembered_for: Option<Duration>,
}

/// One run of one process: a fresh id at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriterId(Uuid);

/// What a store keeps of a writer's last batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriterMark {
    pub(crate) last_seq: u64,
    /// The BLAKE3 hash of the batch, which tells the batch sent again from another one with its number.
    pub(crate) digest: [u8; 32],
}

/// What a store is to do with a batch.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// Keep this digest and add the deltas.
    Take([u8; 32]),
    /// Change nothing, and answer so.
    Leave(Applied),
    /// Change nothing, and say why.
    Refuse(StoreErrorKind, String),
}

// === impl Batch ===

impl Batch {
    /// Creates a batch, with its deltas put in order and those of one endpoint and window merged.
    ///
    /// The order keeps two writers from locking the same rows in opposite order.
    pub fn new(writer: WriterId, seq: u64, mut deltas: Vec<Delta>) -> Self {
        deltas.sort_by(|a, b| (&a.endpoint, a.window).cmp(&(&b.endpoint, b.window)));
        deltas.dedup_by(|later, earlier| {
            let same = later.endpoint == earlier.endpoint && later.window == earlier.window;
            if same {
                earlier.merge(later);
            }
            same
        });
        Self { writer, seq, deltas, checkpoint: None, identity: None, remembered_for: None }
    }

    /// Tells it from others by the hash of what it was made of, for one whose deltas depend on when they were made.
    ///
    /// Sent again, it is a duplicate although it was stamped anew.
    #[must_use]
    pub fn identified_by(mut self, identity: [u8; 32]) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Keeps how far the writer got, to be read back with [`StatsStore::writer`](super::StatsStore::writer).
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: Vec<u8>) -> Self {
        self.checkpoint = Some(checkpoint);
        self
    }

    /// Lets a store forget the writer when it sent nothing more for so long, whether it has a checkpoint or not.
    ///
    /// A batch that is sent again after that counts twice. A store may remember the writer longer, and does while there
    /// are few.
    #[must_use]
    pub fn remembered_for(mut self, time: Duration) -> Self {
        self.remembered_for = Some(time);
        self
    }

    /// After how many seconds without another batch its writer may be forgotten; `None` is never.
    pub(crate) fn forget_after_secs(&self) -> Option<i64> {
        match self.remembered_for {
            Some(time) => Some(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).min(MOST_SECS)),
            None => self.checkpoint.is_none().then_some(FORGET_AFTER_SECS),
        }
    }

    /// All hits of the batch.
    pub fn hits(&self) -> u64 {
        self.deltas.iter().fold(0, |sum, delta| capped_sum(sum, delta.counts.hits()))
    }

    /// Decides by the writer's mark, the same way for every store.
    pub(crate) fn judge(&self, mark: Option<WriterMark>) -> Judgement {
        judge(self.writer, self.seq, || self.digest(), mark)
    }

    /// What tells it from another batch with its number: its identity, or the BLAKE3 hash of everything it says.
    pub fn digest(&self) -> [u8; 32] {
        self.identity.unwrap_or_else(|| self.hash())
    }

    fn hash(&self) -> [u8; 32] {
        let mut content = Content(blake3::Hasher::new());
        content.bytes(self.checkpoint.as_deref().unwrap_or_default());
        for delta in &self.deltas {
            content.delta(delta);
        }
        *content.0.finalize().as_bytes()
    }
}

/// Decides on a batch by its writer, number and digest, and the writer's mark.
pub(crate) fn judge(writer: WriterId, seq: u64, digest: impl Fn() -> [u8; 32], mark: Option<WriterMark>) -> Judgement {
    let (last_seq, last_digest) = mark.map_or((0, None), |mark| (mark.last_seq, Some(mark.digest)));
    match seq.checked_sub(last_seq) {
        _ if seq == 0 => Judgement::Refuse(StoreErrorKind::Rejected, "a batch's number starts at 1".into()),
        Some(1) => Judgement::Take(digest()),
        Some(0) if last_digest != Some(digest()) => Judgement::Refuse(
            StoreErrorKind::Conflict,
            format!("batch {seq} of writer {writer} is there with other content"),
        ),
        Some(0) | None => Judgement::Leave(Applied::Duplicate),
        Some(_) => Judgement::Leave(Applied::Gap { last_seq }),
    }
}

/// Feeds a batch to the hash, each field with its length, so that no two batches read the same.
struct Content(blake3::Hasher);

impl Content {
    fn delta(&mut self, delta: &Delta) {
        self.bytes(delta.endpoint.service().as_str().as_bytes());
        self.bytes(delta.endpoint.method().as_str().as_bytes());
        self.bytes(delta.endpoint.route().as_str().as_bytes());
        self.number(delta.window.width().secs().cast_unsigned());
        self.number(delta.window.start().as_unix().cast_unsigned());
        self.number(delta.first_at.as_unix().cast_unsigned());
        self.number(delta.last_at.as_unix().cast_unsigned());
        let counts = &delta.counts;
        self.bytes(&counts.outcomes.encode());
        self.bytes(&counts.latency.encode());
        self.bytes(&counts.duration.encode());
        self.number(counts.request_bytes);
        self.number(counts.response_bytes);
        self.bytes(&counts.callers.encode());
        self.number(counts.consumers.len() as u64);
        for (name, counts) in &counts.consumers {
            self.bytes(name.as_str().as_bytes());
            self.number(counts.hits);
            self.number(counts.errors);
            self.number(counts.response_bytes);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }
}

// === impl WriterId ===

impl WriterId {
    /// Draws a fresh id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Takes an id from 16 bytes, for a writer that is recognised again after a restart.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Makes an id of a hash: a UUID of version 8, which [`random`](Self::random) never draws.
    ///
    /// `POST /v1/batches` refuses such ids, so that no sender can go on in another one's name: servers derive them of what
    /// others may know.
    pub fn from_hash(hash: [u8; 16]) -> Self {
        Self(uuid::Builder::from_custom_bytes(hash).into_uuid())
    }

    /// Whether it is one of [`from_hash`](Self::from_hash).
    pub fn is_from_hash(&self) -> bool {
        self.0.get_version_num() == 8
    }

    /// The id as 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
