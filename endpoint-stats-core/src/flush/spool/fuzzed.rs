//! The files of a spool, as anybody may have changed them.
//!
//! Bytes are files one behind the other, with [`BETWEEN_FILES`] between them. A file that begins with [`CONTENTS`] holds
//! the contents of records, with [`BETWEEN_RECORDS`] between them, which are sealed here: chance finds no hash.

use crate::flush::spool::SpoolSync;
use crate::flush::spool::faulty_disk::FaultyDisk;
use crate::flush::spool::journal::{Journal, Limits};
use crate::flush::spool::record::{self, Half, Name, Part, Piece, Record};
use crate::sketch::capped_sum;
use crate::store::{Batch, CHECKSUM, WriterId, opened, seal};

const BETWEEN_FILES: &[u8] = b"\n==\n";
const BETWEEN_RECORDS: &[u8] = b"\n--\n";
const CONTENTS: &[u8] = b"contents:";

/// Recovers a folder with these files, and sends everything: no more hits than stand in records with a sound hash.
pub(crate) fn files(bytes: &[u8]) {
    let files: Vec<Vec<u8>> = parts(bytes, BETWEEN_FILES).into_iter().map(file).collect();
    let most = files.iter().map(|file| hits_in(file)).fold(0, capped_sum);
    let disk = FaultyDisk::default();
    disk.damage(|there| there.extend((1..).zip(files)));
    let limits = Limits { max_bytes: 1 << 20, sync: SpoolSync::EachBatch };
    let (mut journal, recovered) = Journal::open(disk.clone(), limits).expect("the disk does not fail");
    assert!(recovered.hits <= most, "{recovered:?}, and the records have {most} hits");
    for _ in 0..recovered.batches {
        send_next(&mut journal);
    }
    let (_, left) = Journal::open(disk, limits).expect("the disk does not fail");
    assert_eq!(left.batches, 0, "{recovered:?}, and {left:?} when all was sent");
}

/// The store takes it, or it cannot be read and is given up.
fn send_next(journal: &mut Journal<FaultyDisk>) {
    assert!(!matches!(journal.front(), Ok(None)), "a batch that was recovered is gone");
    journal.done();
}

fn file(bytes: &[u8]) -> Vec<u8> {
    let Some(contents) = bytes.strip_prefix(CONTENTS) else { return bytes.to_vec() };
    let mut file = record::header().to_vec();
    for content in parts(contents, BETWEEN_RECORDS) {
        let mut record = b"ESr\n".to_vec();
        record.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
        record.extend_from_slice(content);
        seal(&mut record);
        file.extend(record);
    }
    file
}

fn parts<'a>(bytes: &'a [u8], between: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(between.len()).position(|window| window == between) {
        parts.push(&rest[..at]);
        rest = &rest[at + between.len()..];
    }
    parts.push(rest);
    parts
}

/// The hits of all records with a sound hash, wherever they stand.
fn hits_in(file: &[u8]) -> u64 {
    (0..file.len()).filter_map(|at| hits_at(file, at)).fold(0, capped_sum)
}

fn hits_at(file: &[u8], at: usize) -> Option<u64> {
    let len = u32::from_le_bytes(file.get(at + 4..at + 8)?.try_into().ok()?) as usize;
    let record = file.get(at..at + 8 + len + CHECKSUM)?;
    opened(record)?;
    match Record::read(record)?.0 {
        Record::Sealed { part, .. } => Some(part.hits),
        Record::Done { .. } | Record::Renamed { .. } | Record::Halved { .. } => None,
    }
}

/// A folder with two files, and the contents of records of every kind.
pub(crate) fn examples(batch: &Batch) -> [(&'static str, &'static str, Vec<u8>); 2] {
    let records = every_kind(batch).map(|record| record.to_bytes());
    let segment = |records: &[Vec<u8>]| [record::header(), &records.concat()].concat();
    let folder = [segment(&records[..2]), segment(&records[2..])].join(BETWEEN_FILES);
    let content = |record: &Vec<u8>| record[8..record.len() - CHECKSUM].to_vec();
    let contents = records.iter().map(content).collect::<Vec<_>>().join(BETWEEN_RECORDS);
    [("spool", "folder", folder), ("spool", "contents", [CONTENTS, &contents].concat())]
}

fn every_kind(batch: &Batch) -> [Record; 6] {
    let name = |seq| Name { writer: batch.writer, seq };
    let part = || Part::new(batch.hits(), &batch.deltas);
    let piece = |seq| Piece::whole(name(seq), &part());
    let to = WriterId::from_bytes([9; 16]);
    [
        Record::Sealed { name: name(1), part: part() },
        Record::Sealed { name: name(2), part: part() },
        Record::Done { piece: piece(1) },
        Record::Sealed { name: name(3), part: part() },
        Record::Halved { name: name(2), piece: piece(2), first: Half { len: 1, hits: 1 }, to },
        Record::Renamed { name: name(3), to: WriterId::from_bytes([8; 16]) },
    ]
}
