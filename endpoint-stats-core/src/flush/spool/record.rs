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
//! The content is a kind, the writer's 16 bytes, a number, and what the kind says; numbers are LEB128.

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

/// What happened to the batches of a spool.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::flush) enum Record {
    /// A batch was sealed.
    Sealed { name: Name, part: Part },
    /// The store has it.
    Done { name: Name },
    /// The store lost track of the writer: this batch is another writer's first, and those after it follow.
    Renamed { name: Name, to: WriterId },
    /// The store refused it: these stand in its place, and those after it move up or down.
    Spliced { name: Name, parts: Vec<Part> },
}

/// Deltas, still encoded, and how many hits they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::flush) struct Part {
    pub(in crate::flush) hits: u64,
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
        let (kind, name) = match self {
            Self::Sealed { name, .. } => (0, name),
            Self::Done { name } => (1, name),
            Self::Renamed { name, .. } => (2, name),
            Self::Spliced { name, .. } => (3, name),
        };
        bytes.push(kind);
        bytes.extend_from_slice(name.writer.as_bytes());
        write_varint(&mut bytes, name.seq);
        match self {
            Self::Sealed { part, .. } => part.write(&mut bytes),
            Self::Done { .. } => {}
            Self::Renamed { to, .. } => bytes.extend_from_slice(to.as_bytes()),
            Self::Spliced { parts, .. } => parts.iter().for_each(|part| part.write(&mut bytes)),
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
        let name = Name { writer: writer(&mut reader)?, seq: reader.count()? };
        let record = match kind {
            0 => Self::Sealed { name, part: Part::read(&mut reader)? },
            1 => Self::Done { name },
            2 => Self::Renamed { name, to: writer(&mut reader)? },
            3 => {
                let mut parts = Vec::new();
                while !reader.is_empty() {
                    parts.push(Part::read(&mut reader)?);
                }
                Self::Spliced { name, parts }
            }
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

// === impl Part ===

impl Part {
    pub(in crate::flush) fn of(hits: u64, deltas: &[Delta]) -> Self {
        Self { hits, deltas: encode_deltas(deltas) }
    }

    pub(in crate::flush) fn decode(&self) -> Result<Vec<Delta>, DecodeError> {
        decode_deltas(&self.deltas)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        write_varint(bytes, self.hits);
        write_bytes(bytes, &self.deltas);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { hits: reader.varint()?, deltas: reader.length_and_bytes()?.to_vec() })
    }
}
