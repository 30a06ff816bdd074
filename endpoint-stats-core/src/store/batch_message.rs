//! [`Batch`] as bytes, as a service sends it to a server.

use std::error::Error;
use std::fmt;

use super::batch_encoding::{deltas, encode_deltas};
use super::{Batch, WriterId, sealed};
use crate::aggregate::Delta;
use crate::sketch::{DecodeError, Reader, write_bytes, write_varint};

const WHAT: &str = "batch";
const VERSION: u8 = 1;

/// More deltas than a batch may have when it is decoded: they take more room in memory than as bytes.
pub(super) const MAX_DELTAS: usize = 20_000;

/// Says why bytes are no [`Batch`], and which of its deltas is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidBatch {
    delta: Option<usize>,
    source: DecodeError,
}

impl Batch {
    /// Encodes the batch: a version byte, the writer's 16 bytes, the number, the [digest](Self::digest), the checkpoint
    /// behind its length if a byte says that there is one, and the deltas, each behind its length.
    ///
    /// How long its writer is remembered is left to whoever takes it. All ends with 16 bytes of the BLAKE3 hash of what stands before. Numbers are LEB128.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.writer.as_bytes());
        write_varint(&mut out, self.seq);
        out.extend_from_slice(&self.digest());
        out.push(self.checkpoint.is_some().into());
        if let Some(checkpoint) = &self.checkpoint {
            write_bytes(&mut out, checkpoint);
        }
        out.append(&mut encode_deltas(&self.deltas));
        sealed::seal(&mut out);
        out
    }

    /// Decodes what [`encode`](Self::encode) wrote; its digest then is its identity.
    ///
    /// # Errors
    ///
    /// When a byte is missing, left over or changed, a delta is damaged, out of order or there twice, or there are more
    /// than 20,000.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidBatch> {
        let content = sealed::opened(bytes).ok_or(DecodeError::new(WHAT, "a byte is missing or changed"))?;
        let mut reader = Reader::new(WHAT, VERSION, content)?;
        let writer = WriterId::from_bytes(array(&mut reader)?);
        let seq = reader.varint()?;
        let identity = array(&mut reader)?;
        let checkpoint = match reader.bytes(1)? {
            [0] => None,
            [1] => Some(reader.length_and_bytes()?.to_vec()),
            _ => return Err(reader.error("neither with a checkpoint nor without"))?,
        };
        Ok(Self {
            writer,
            seq,
            deltas: in_order(reader.rest())?,
            checkpoint,
            identity: Some(identity),
            remembered_for: None,
        })
    }
}

fn array<const LEN: usize>(reader: &mut Reader<'_>) -> Result<[u8; LEN], DecodeError> {
    reader.bytes(LEN)?.try_into().map_err(|_| reader.error("cut off"))
}

fn in_order(bytes: &[u8]) -> Result<Vec<Delta>, InvalidBatch> {
    let mut read: Vec<Delta> = Vec::new();
    for delta in deltas(bytes)? {
        let at = |source| InvalidBatch { delta: Some(read.len()), source };
        let delta = delta.map_err(at)?;
        if read.len() == MAX_DELTAS {
            return Err(at(DecodeError::new(WHAT, "more than 20,000 deltas")));
        }
        if read.last().is_some_and(|before| !comes_before(before, &delta)) {
            return Err(at(DecodeError::new(WHAT, "a delta out of order, or there twice")));
        }
        read.push(delta);
    }
    Ok(read)
}

fn comes_before(a: &Delta, b: &Delta) -> bool {
    (&a.endpoint, a.window) < (&b.endpoint, b.window)
}

// === impl InvalidBatch ===

impl InvalidBatch {
    /// The place of the delta that is to blame, from 0; `None` when it is none of them.
    pub fn delta(&self) -> Option<usize> {
        self.delta
    }
}

impl From<DecodeError> for InvalidBatch {
    fn from(source: DecodeError) -> Self {
        Self { delta: None, source }
    }
}

impl fmt::Display for InvalidBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.delta {
            Some(place) => write!(f, "delta {place} of the batch cannot be read"),
            None => f.write_str("the batch cannot be read"),
        }
    }
}

impl Error for InvalidBatch {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Counts;
    use crate::endpoint::{Endpoint, Method, Route, ServiceName};
    use crate::hit::Outcome;
    use crate::window::{Timestamp, Width, Window};

    fn delta(route: &str) -> Delta {
        let at = Timestamp::from_unix(1_700_000_000);
        Delta {
            endpoint: Endpoint::new(ServiceName::new("shop").unwrap(), Method::Get, Route::new(route).unwrap()),
            window: Window::containing(at, Width::TenSeconds),
            first_at: at,
            last_at: at,
            counts: Counts { outcomes: [(Outcome::Status(200), 1)].into_iter().collect(), ..Counts::default() },
        }
    }

    fn batch() -> Batch {
        Batch::new(WriterId::from_bytes([7; 16]), 300, vec![delta("/a"), delta("/b")])
    }

    fn problem(batch: &Batch) -> (Option<usize>, String) {
        let error = Batch::decode(&batch.encode()).unwrap_err();
        (error.delta(), error.source().unwrap().to_string())
    }

    #[test]
    fn a_batch_is_read_back_as_it_was_with_its_digest_as_identity() {
        for batch in [batch(), batch().with_checkpoint(vec![1, 2]), Batch::new(WriterId::random(), 1, Vec::new())] {
            let digest = batch.digest();

            let read = Batch::decode(&batch.encode()).unwrap();

            assert_eq!(read.digest(), digest);
            assert_eq!(Batch { identity: None, ..read }, batch);
        }
    }

    #[test]
    fn an_identity_goes_along() {
        let batch = batch().identified_by([9; 32]);

        assert_eq!(Batch::decode(&batch.encode()), Ok(batch));
    }

    #[test]
    fn a_batch_that_is_cut_or_flipped_anywhere_is_refused() {
        let bytes = batch().with_checkpoint(vec![1]).encode();

        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(Batch::decode(&bytes[..at]).is_err(), "cut at {at}");
            assert!(Batch::decode(&flipped).is_err(), "flipped at {at}");
        }
    }

    #[test]
    fn a_damaged_batch_behind_a_sound_seal_never_panics() {
        let sealed = batch().with_checkpoint(vec![1]).encode();
        let content = sealed::opened(&sealed).unwrap();

        for at in 0..content.len() {
            for flip in [1, 0x7f, 0x80, 0xff] {
                let mut damaged = content.to_vec();
                damaged[at] ^= flip;
                sealed::seal(&mut damaged);
                if let Ok(read) = Batch::decode(&damaged) {
                    assert_eq!(Batch::decode(&read.encode()), Ok(read), "byte {at}");
                }
            }
            let mut cut = content[..at].to_vec();
            sealed::seal(&mut cut);
            drop(Batch::decode(&cut));
        }
    }

    #[test]
    fn a_delta_out_of_order_or_there_twice_is_named() {
        let swapped = Batch { deltas: vec![delta("/b"), delta("/a")], ..batch() };
        let twice = Batch { deltas: vec![delta("/a"), delta("/b"), delta("/b")], ..batch() };

        let expected = "damaged batch: a delta out of order, or there twice".to_owned();
        assert_eq!(problem(&swapped), (Some(1), expected.clone()));
        assert_eq!(problem(&twice), (Some(2), expected));
    }

    #[test]
    fn more_deltas_than_fit_are_refused() {
        let deltas: Vec<_> = (0..=MAX_DELTAS).map(|i| delta(&format!("/{i}"))).collect();
        let large = Batch::new(WriterId::random(), 1, deltas);

        assert_eq!(problem(&large), (Some(MAX_DELTAS), "damaged batch: more than 20,000 deltas".to_owned()));
    }
}
