//! [`Journal`]: the batches that wait, on a disk.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use super::SpoolSync;
use super::disk::Disk;
use super::queue::{Entry, Place, Queue};
use super::record::{self, Name, Part, Record};
use crate::aggregate::Delta;
use crate::sketch::capped_sum;
use crate::store::{Batch, WriterId};

/// A segment is followed by another when it is longer than this, or an eighth of the limit.
const SEGMENT_BYTES: u64 = 4 << 20;

/// A segment without a batch that waits is taken away when it is longer than this.
const WORTH_REMOVING: u64 = 64 << 10;

/// Kept free of batches, for the short records that make room.
const RESERVE: u64 = 64 << 10;

/// The segment of what is in no segment.
const IN_MEMORY: u64 = u64::MAX;

/// The place of a record that holds no batch.
const NOWHERE: Place = Place { segment: IN_MEMORY, start: 0, len: 0, part: 0 };

/// Batches that were sealed and not yet acknowledged, in files of a disk, and the names they are sent under.
#[derive(Debug)]
pub(in crate::flush) struct Journal<D: Disk> {
    disk: D,
    limits: Limits,
    queue: Queue,
    // Those that the disk may or may not have, by the start of their place: they are sent from here, under the same names.
    unsure: BTreeMap<u64, Vec<Delta>>,
    segments: VecDeque<Segment>,
    current: Option<Current<D::File>>,
    // Of any file there ever was: a strange one keeps its name.
    last_number: u64,
    writer: WriterId,
    last_seq: u64,
}

/// How much a journal may write, and how surely.
#[derive(Clone, Copy, Debug)]
pub(in crate::flush) struct Limits {
    pub(in crate::flush) max_bytes: u64,
    pub(in crate::flush) sync: SpoolSync,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Current<F> {
    number: u64,
    file: F,
}

/// What was found in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::flush) struct Recovered {
    pub(in crate::flush) batches: usize,
    pub(in crate::flush) hits: u64,
    /// Stretches that were damaged, and are lost.
    pub(in crate::flush) damages: u64,
    /// Files of another version or of nobody, left where they are.
    pub(in crate::flush) strange_files: u64,
}

/// Why a batch was not sealed; nothing of it is on the disk.
#[derive(Debug)]
pub(in crate::flush) enum NotSealed {
    /// The limit is reached.
    Full,
    /// The disk does not take it.
    Failed(io::Error),
}

/// What became of bytes that were to be written.
enum Written {
    At(Place),
    /// They may be there or not.
    Unsure(io::Error),
}

impl<D: Disk> Journal<D> {
    /// Reads what is there, and goes on behind it as a new writer.
    pub(in crate::flush) fn open(disk: D, limits: Limits) -> io::Result<(Self, Recovered)> {
        let mut journal = Self {
            disk,
            limits,
            queue: Queue::default(),
            unsure: BTreeMap::new(),
            segments: VecDeque::new(),
            current: None,
            last_number: 0,
            writer: WriterId::random(),
            last_seq: 0,
        };
        let mut recovered = Recovered::default();
        let numbers = journal.disk.list()?;
        for number in &numbers {
            journal.recover(*number, numbers.last() == Some(number), &mut recovered)?;
        }
        journal.last_number = numbers.last().copied().unwrap_or(0);
        journal.queue.mark_as_found();
        (recovered.batches, recovered.hits) = (journal.queue.len(), journal.queue.hits());
        journal.reclaim();
        Ok((journal, recovered))
    }

    fn recover(&mut self, number: u64, is_last: bool, recovered: &mut Recovered) -> io::Result<()> {
        let bytes = self.disk.read(number)?;
        let Some(found) = record::scan(&bytes) else {
            recovered.strange_files += 1;
            return Ok(());
        };
        // A crash may cut off the last record of all, and no other one.
        recovered.damages += found.damages + u64::from(found.torn_bytes > 0 && !is_last);
        self.segments.push_back(Segment { number, bytes: bytes.len() as u64 });
        for (start, len, record) in found.records {
            self.queue.apply(&record, Place { segment: number, start, len, part: 0 });
        }
        Ok(())
    }

    /// Writes deltas as the next batch, and makes them durable.
    pub(in crate::flush) fn seal(&mut self, deltas: Vec<Delta>) -> Result<(), (NotSealed, Vec<Delta>)> {
        let (batch, record) = self.next(deltas);
        let bytes = record.to_bytes();
        if !self.has_room_for(bytes.len() as u64 + RESERVE) {
            return Err((NotSealed::Full, batch.deltas));
        }
        let place = match self.write(&bytes) {
            Ok(Written::At(place)) => place,
            Ok(Written::Unsure(error)) => {
                tracing::error!(%error, "the disk of the spool may have lost a batch; it is kept in memory");
                self.keep_in_memory(batch.deltas)
            }
            Err(error) => return Err((NotSealed::Failed(error), batch.deltas)),
        };
        self.last_seq = batch.seq;
        self.queue.apply(&record, place);
        Ok(())
    }

    /// Makes deltas the next batch without writing them, where the disk does not take them and nothing else waits.
    pub(in crate::flush) fn keep(&mut self, deltas: Vec<Delta>) {
        let (batch, record) = self.next(deltas);
        let place = self.keep_in_memory(batch.deltas);
        self.last_seq = batch.seq;
        self.queue.apply(&record, place);
    }

    fn next(&self, deltas: Vec<Delta>) -> (Batch, Record) {
        let name = Name { writer: self.writer, seq: self.last_seq + 1 };
        let batch = Batch::new(name.writer, name.seq, deltas);
        let record = Record::Sealed { name, part: Part::of(batch.hits(), &batch.deltas) };
        (batch, record)
    }

    /// The batch to send next.
    pub(in crate::flush) fn front(&self) -> io::Result<Option<Arc<Batch>>> {
        let Some(entry) = self.queue.front() else { return Ok(None) };
        let deltas = match self.unsure.get(&entry.place.start).filter(|_| entry.place.segment == IN_MEMORY) {
            Some(deltas) => deltas.clone(),
            None => self.read(entry.place)?,
        };
        Ok(Some(Arc::new(Batch::new(entry.name.writer, entry.name.seq, deltas))))
    }

    /// What is known of the batch that is next without reading it.
    pub(in crate::flush) fn front_entry(&self) -> Option<&Entry> {
        self.queue.front()
    }

    fn keep_in_memory(&mut self, deltas: Vec<Delta>) -> Place {
        let start = self.unsure.last_key_value().map_or(0, |(last, _)| last + 1);
        self.unsure.insert(start, deltas);
        Place { segment: IN_MEMORY, start, len: 0, part: 0 }
    }

    fn read(&self, Place { segment, start, len, part }: Place) -> io::Result<Vec<Delta>> {
        let bytes = self.disk.read_at(segment, start, len)?;
        let damaged =
            || io::Error::new(io::ErrorKind::InvalidData, "a batch of the spool was changed after it was written");
        let (record, _) = Record::read(&bytes).ok_or_else(damaged)?;
        let content = match record {
            Record::Sealed { part, .. } => Some(part),
            Record::Spliced { parts, .. } => parts.into_iter().nth(part),
            Record::Done { .. } | Record::Renamed { .. } => None,
        };
        content.and_then(|content| content.decode().ok()).ok_or_else(damaged)
    }

    /// The store has the batch that is next: it need not be sent again, and if that is forgotten, it is a duplicate.
    pub(in crate::flush) fn done(&mut self) {
        let Some(name) = self.queue.front().map(|entry| entry.name) else { return };
        let record = Record::Done { name };
        let bytes = record.to_bytes();
        if self.has_room_for(bytes.len() as u64)
            && let Err(error) = self.append(&bytes)
        {
            tracing::warn!(%error, "the disk of the spool does not take that a batch is stored");
        }
        self.apply(&record, NOWHERE);
        self.reclaim();
    }

    /// The store lost track of the writer of the batch that is next.
    pub(in crate::flush) fn rename(&mut self) -> io::Result<()> {
        let Some(name) = self.queue.front().map(|entry| entry.name) else { return Ok(()) };
        let to = WriterId::random();
        self.record(Record::Renamed { name, to })?;
        if name.writer == self.writer {
            self.last_seq = self.queue.last_seq_of(to).unwrap_or(0);
            self.writer = to;
        }
        Ok(())
    }

    /// Puts others, or nothing, in the place of the batch that is next.
    pub(in crate::flush) fn splice(&mut self, parts: Vec<Vec<Delta>>) -> io::Result<()> {
        let Some(name) = self.queue.front().map(|entry| entry.name) else { return Ok(()) };
        self.splice_at(name, parts)
    }

    fn splice_at(&mut self, name: Name, parts: Vec<Vec<Delta>>) -> io::Result<()> {
        let moved = parts.len() as u64;
        let part = |deltas: Vec<Delta>| {
            let hits = deltas.iter().fold(0, |sum, delta| capped_sum(sum, delta.counts.hits()));
            Part::of(hits, &deltas)
        };
        self.record(Record::Spliced { name, parts: parts.into_iter().map(part).collect() })?;
        if name.writer == self.writer {
            self.last_seq = self.last_seq + moved - 1;
        }
        self.reclaim();
        Ok(())
    }

    /// Gives up the oldest segment for a newer batch, but for the batch that is next; returns the hits that are lost.
    pub(in crate::flush) fn drop_oldest(&mut self) -> io::Result<u64> {
        let next = self.queue.front().map(|entry| entry.name);
        let Some(oldest) = self.queue.iter().find(|entry| Some(entry.name) != next).map(|entry| entry.place.segment)
        else {
            return Ok(0);
        };
        if self.current.as_ref().is_some_and(|current| current.number == oldest) {
            self.current = None;
        }
        let mut lost = 0;
        loop {
            let is_oldest = |entry: &&Entry| Some(entry.name) != next && entry.place.segment == oldest;
            let Some(entry) = self.queue.iter().find(is_oldest).copied() else { return Ok(lost) };
            self.splice_at(entry.name, Vec::new())?;
            lost = capped_sum(lost, entry.hits);
        }
    }

    /// Writes a record that has to be durable before anything is sent.
    fn record(&mut self, record: Record) -> io::Result<()> {
        match self.write(&record.to_bytes())? {
            Written::At(place) => {
                self.apply(&record, place);
                Ok(())
            }
            Written::Unsure(error) => Err(error),
        }
    }

    fn apply(&mut self, record: &Record, place: Place) {
        self.queue.apply(record, place);
        let waits = |start: &u64| {
            self.queue.iter().any(|entry| entry.place.segment == IN_MEMORY && entry.place.start == *start)
        };
        self.unsure.retain(|start, _| waits(start));
    }

    /// Writes bytes and makes them durable; an error says that they are not there.
    fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        let place = self.append(bytes)?;
        let Err(error) = self.sync() else { return Ok(Written::At(place)) };
        // What a failed sync lost, a second one may call durable: nothing is asked of that file again.
        self.current = None;
        let again = self.append(bytes).and_then(|place| self.sync().map(|()| place));
        Ok(again.map_or_else(
            |_| {
                self.current = None;
                Written::Unsure(error)
            },
            Written::At,
        ))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<Place> {
        self.turn_over();
        if self.current.is_none() {
            self.begin_segment()?;
        }
        let (Some(current), Some(segment)) = (&mut self.current, self.segments.back_mut()) else {
            return Err(io::Error::other("there is no segment"));
        };
        if let Err(error) = self.disk.append(&mut current.file, bytes) {
            if self.disk.cut(&mut current.file, segment.bytes).is_err() {
                self.current = None;
            }
            return Err(error);
        }
        let place = Place { segment: segment.number, start: segment.bytes, len: bytes.len(), part: 0 };
        segment.bytes += bytes.len() as u64;
        Ok(place)
    }

    /// Leaves a segment that is long enough.
    fn turn_over(&mut self) {
        let most = SEGMENT_BYTES.min(self.limits.max_bytes / 8);
        if self.segments.back().is_some_and(|segment| segment.bytes >= most) {
            self.current = None;
        }
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        self.last_number += 1;
        let number = self.last_number;
        let mut file = self.disk.create(number)?;
        let header = record::header();
        self.segments.push_back(Segment { number, bytes: header.len() as u64 });
        let begun = self.disk.append(&mut file, header).and_then(|()| match self.limits.sync {
            SpoolSync::EachBatch => self.disk.sync_folder(),
            SpoolSync::Never => Ok(()),
        });
        begun?;
        self.current = Some(Current { number, file });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        match (&mut self.current, self.limits.sync) {
            (Some(current), SpoolSync::EachBatch) => self.disk.sync(&mut current.file),
            _ => Ok(()),
        }
    }

    fn has_room_for(&self, bytes: u64) -> bool {
        self.bytes() + bytes <= self.limits.max_bytes
    }

    /// Takes segments away that no batch needs, the oldest first: what later ones say of batches in it is needed longer.
    fn reclaim(&mut self) {
        if self.queue.is_empty() && self.segments.back().is_some_and(|segment| segment.bytes > WORTH_REMOVING) {
            self.current = None;
        }
        while let Some(oldest) = self.segments.front().copied() {
            let is_current = self.current.as_ref().is_some_and(|current| current.number == oldest.number);
            if is_current || self.queue.needs(oldest.number) {
                return;
            }
            let gone = self.disk.remove(oldest.number).and_then(|()| match self.limits.sync {
                SpoolSync::EachBatch => self.disk.sync_folder(),
                SpoolSync::Never => Ok(()),
            });
            if let Err(error) = gone {
                tracing::warn!(%error, "a file of the spool that is no longer needed stays");
                return;
            }
            self.segments.pop_front();
        }
    }

    /// Bytes on the disk.
    pub(in crate::flush) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Bytes that the disk may take.
    pub(in crate::flush) fn max_bytes(&self) -> u64 {
        self.limits.max_bytes
    }

    /// Hits of all that wait on the disk.
    pub(in crate::flush) fn hits(&self) -> u64 {
        self.queue.hits() - self.hits_in_memory()
    }

    /// Hits of those that wait in memory.
    pub(in crate::flush) fn hits_in_memory(&self) -> u64 {
        let in_memory = self.queue.iter().filter(|entry| entry.place.segment == IN_MEMORY);
        in_memory.fold(0, |sum, entry| capped_sum(sum, entry.hits))
    }

    pub(in crate::flush) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests;
