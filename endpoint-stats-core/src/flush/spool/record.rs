//! [`Record`]: what stands in a segment, and how it is found again behind damage.
//!
//! A segment is a header of eight bytes, `ESPOOL` and a version of two, and then records:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `ESr\n`, by which a record is found again behind a damaged one |
//! | 4 | the length of the content, little endian |
//! | n | the content |
//! | 16 | the BLAKE3 hash of all before |
//!
//! The content is a kind and what it says: a name is a writer's 16 bytes and a number, a piece a name and two numbers. Numbers are
//! LEB128.

use crate::aggregate::Delta;
use crate::sketch::{DecodeError, Reader, write_bytes, write_varint};
use crate::store::{CHECKSUM, WriterId, decode_deltas, encode_deltas, opened, seal};

const WHAT: &str = "record of the spool";
const HEADER: [u8; 8] = *b"ESPOOL\x00\x01";
const MARK: [u8; 4] = *b"ESr\n";
const BEFORE_CONTENT: usize = MARK.len() + 4;

/// A batch by its writer and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::flush) struct Name {
    pub(in crate::flush) writer: WriterId,
    pub(in crate::flush) seq: u64,
}

/// Deltas of a batch, from one up to another: all of them, unless the store refused some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::flush) struct Piece {
    /// The name under which the batch was sealed, whatever it is sent under later.
    pub(in crate::flush) batch: Name,
    pub(in crate::flush) from: u64,
    pub(in crate::flush) until: u64,
}

/// What happened to the batches of a spool.
///
/// Each may stand twice, where the disk did not say whether it has the first one, and says nothing new then.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::flush) enum Record {
    /// A batch was sealed.
    Sealed { name: Name, part: Part },
    /// The store has it, or will never take it.
    Done { piece: Piece },
    /// The store lost track of the writer: the batch of that name is another writer's first, and those after it follow.
    Renamed { name: Name, to: WriterId },
    /// The store refused it: its first deltas are another writer's first batch, the others its second, and those after it follow.
    Halved { name: Name, piece: Piece, first: Half, to: WriterId },
}

/// The first deltas of a piece, and their hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flush) struct Half {
    pub(in crate::flush) len: u64,
    pub(in crate::flush) hits: u64,
}

/// Deltas, still encoded, how many there are, and how many hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::flush) struct Part {
    pub(in crate::flush) hits: u64,
    pub(in crate::flush) len: u64,
    pub(in crate::flush) deltas: Vec<u8>,
}

/// What was found in a segment.
#[derive(Debug, Default)]
pub(in crate::flush) struct Found {
    /// The records that are whole, with the place and the length of each.
    pub(in crate::flush) records: Vec<(u64, usize, Record)>,
    /// Stretches between records that are none.
    pub(in crate::flush) damages: u64,
    /// Bytes at the end that are no record.
    pub(in crate::flush) torn_bytes: u64,
}

/// What every segment begins with.
pub(in crate::flush) fn header() -> &'static [u8] {
    &HEADER
}

/// Finds the records of a segment; `None` if it is of another version, or of nobody.
pub(in crate::flush) fn scan(segment: &[u8]) -> Option<Found> {
    let mut found = Found::default();
    if segment.len() < HEADER.len() {
        // A crash cut off the header: nothing was ever written behind it.
        found.torn_bytes = segment.len() as u64;
        return HEADER.starts_with(segment).then_some(found);
    }
    if !segment.starts_with(&HEADER) {
        return None;
    }
    let mut at = HEADER.len();
    while at < segment.len() {
        if let Some((record, len)) = Record::read(&segment[at..]) {
            found.records.push((at as u64, len, record));
            at += len;
            continue;
        }
        let Some(next) = next_record(segment, at + 1) else {
            found.torn_bytes = (segment.len() - at) as u64;
            break;
        };
        found.damages += 1;
        at = next;
    }
    Some(found)
}

fn next_record(segment: &[u8], from: usize) -> Option<usize> {
    let marks = segment[from..].windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.map(|(at, _)| from + at).find(|at| Record::read(&segment[*at..]).is_some())
}

// === impl Record ===

impl Record {
    /// The record as it is written.
    pub(in crate::flush) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        bytes.extend_from_slice(&[0; 4]);
        match self {
            Self::Sealed { name, part } => {
                bytes.push(0);
                name.write(&mut bytes);
                part.write(&mut bytes);
            }
            Self::Done { piece } => {
                bytes.push(1);
                piece.write(&mut bytes);
            }
            Self::Renamed { name, to } => {
                bytes.push(2);
                name.write(&mut bytes);
                bytes.extend_from_slice(to.as_bytes());
            }
            Self::Halved { name, piece, first, to } => {
                bytes.push(3);
                name.write(&mut bytes);
                piece.write(&mut bytes);
                write_varint(&mut bytes, first.len);
                write_varint(&mut bytes, first.hits);
                bytes.extend_from_slice(to.as_bytes());
            }
        }
        let len = u32::try_from(bytes.len() - BEFORE_CONTENT).expect("a batch is far below 4 GiB");
        bytes[MARK.len()..BEFORE_CONTENT].copy_from_slice(&len.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// Reads the record that bytes begin with, and how long it is.
    pub(in crate::flush) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (before, rest) = bytes.split_at_checked(BEFORE_CONTENT)?;
        let (mark, len) = before.split_at(MARK.len());
        let len = u32::from_le_bytes(len.try_into().ok()?) as usize;
        if mark != MARK || rest.len() < len.checked_add(CHECKSUM)? {
            return None;
        }
        let whole = BEFORE_CONTENT + len + CHECKSUM;
        let content = &opened(&bytes[..whole])?[BEFORE_CONTENT..];
        Some((Self::parse(content).ok()?, whole))
    }

    fn parse(content: &[u8]) -> Result<Self, DecodeError> {
        let kind = content.first().copied().unwrap_or(u8::MAX);
        let mut reader = Reader::new(WHAT, kind, content)?;
        let record = match kind {
            0 => Self::Sealed { name: Name::read(&mut reader)?, part: Part::read(&mut reader)? },
            1 => Self::Done { piece: Piece::read(&mut reader)? },
            2 => Self::Renamed { name: Name::read(&mut reader)?, to: writer(&mut reader)? },
            3 => Self::Halved {
                name: Name::read(&mut reader)?,
                piece: Piece::read(&mut reader)?,
                first: Half { len: reader.varint()?, hits: reader.varint()? },
                to: writer(&mut reader)?,
            },
            _ => return Err(reader.error("a kind that nobody knows")),
        };
        reader.finish()?;
        Ok(record)
    }
}

fn writer(reader: &mut Reader<'_>) -> Result<WriterId, DecodeError> {
    let bytes = reader.bytes(16)?.try_into().map_err(|_| reader.error("cut off"))?;
    Ok(WriterId::from_bytes(bytes))
}

// === impl Name ===

impl Name {
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.writer.as_bytes());
        write_varint(bytes, self.seq);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { writer: writer(reader)?, seq: reader.count()? })
    }

    /// The number of another batch counted from this one, if it is the same writer's and not before it.
    pub(in crate::flush) fn steps_to(self, later: Self) -> Option<u64> {
        if self.writer == later.writer { later.seq.checked_sub(self.seq) } else { None }
    }
}

// === impl Piece ===

impl Piece {
    /// All of a batch.
    pub(in crate::flush) fn whole(batch: Name, part: &Part) -> Self {
        Self { batch, from: 0, until: part.len }
    }

    /// Up to some deltas, and from there on.
    pub(in crate::flush) fn split(self, len: u64) -> Option<(Self, Self)> {
        let middle = self.from.checked_add(len).filter(|middle| *middle < self.until && len > 0)?;
        Some((Self { until: middle, ..self }, Self { from: middle, ..self }))
    }

    /// Its deltas, of those of its batch.
    pub(in crate::flush) fn of(self, mut deltas: Vec<Delta>) -> Option<Vec<Delta>> {
        let (from, until) = (usize::try_from(self.from).ok()?, usize::try_from(self.until).ok()?);
        if from >= until || until > deltas.len() {
            return None;
        }
        deltas.truncate(until);
        Some(deltas.split_off(from))
    }

    fn write(self, bytes: &mut Vec<u8>) {
        self.batch.write(bytes);
        write_varint(bytes, self.from);
        write_varint(bytes, self.until);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { batch: Name::read(reader)?, from: reader.varint()?, until: reader.varint()? })
    }
}

// === impl Part ===

impl Part {
    pub(in crate::flush) fn new(hits: u64, deltas: &[Delta]) -> Self {
        Self { hits, len: deltas.len() as u64, deltas: encode_deltas(deltas) }
    }

    pub(in crate::flush) fn decode(&self) -> Result<Vec<Delta>, DecodeError> {
        decode_deltas(&self.deltas)
    }

    /// What tells a piece from another batch under its name: its bytes, which another version of this program reads the same.
    pub(in crate::flush) fn identity_of(&self, piece: Piece) -> [u8; 32] {
        let mut bytes = blake3::Hasher::new();
        bytes.update(&piece.from.to_le_bytes()).update(&piece.until.to_le_bytes()).update(&self.deltas);
        *bytes.finalize().as_bytes()
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        write_varint(bytes, self.hits);
        write_varint(bytes, self.len);
        write_bytes(bytes, &self.deltas);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { hits: reader.varint()?, len: reader.varint()?, deltas: reader.length_and_bytes()?.to_vec() })
    }
}
