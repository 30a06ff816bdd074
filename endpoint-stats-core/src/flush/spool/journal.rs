//! [`Journal`]: the batches that wait, on a disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::disk::Disk;
use super::queue::{Entry, Place, Queue};
use super::record::{Half, Name, Part, Piece, Record};
pub(in crate::flush) use super::segments::Limits;
use super::segments::{Content, Segments, Written};
use crate::aggregate::Delta;
use crate::sketch::capped_sum;
use crate::store::{Batch, WriterId};

/// A segment without a batch that waits is taken away when it is longer than this.
const WORTH_REMOVING: u64 = 64 << 10;

/// Kept free of batches, for the short records that say what became of them.
const RESERVE: u64 = 64 << 10;

/// Batches that were sealed and not yet acknowledged, in files of a disk, and the names they are sent under.
#[derive(Debug)]
pub(in crate::flush) struct Journal<D: Disk> {
    segments: Segments<D>,
    queue: Queue,
    // Those that the disk has not for sure, by the start of their place: they are sent from here, under the same names.
    in_memory: BTreeMap<u64, Kept>,
    // Changes names, and may be on the disk or not: until it is, nothing else is written and nothing is sent.
    owed: Option<Record>,
    writer: WriterId,
    last_seq: u64,
}

/// A batch that is sent from memory.
#[derive(Debug)]
struct Kept {
    part: Part,
    may_be_on_disk: bool,
}

/// What was found in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::flush) struct Recovered {
    pub(in crate::flush) batches: usize,
    pub(in crate::flush) hits: u64,
    /// Stretches that were damaged, and are lost.
    pub(in crate::flush) damages: u64,
    /// Bytes at the very end that are no record.
    pub(in crate::flush) torn_bytes: u64,
    /// Files of another version or of nobody, left where they are.
    pub(in crate::flush) strange_files: u64,
}

/// Why a batch was not sealed; nothing of it is on the disk.
#[derive(Debug)]
pub(in crate::flush) enum NotSealed {
    /// The limit is reached.
    Full,
    /// It is too large for a spool of this limit.
    TooLarge,
    /// The disk does not take it.
    Failed(io::Error),
}

impl<D: Disk> Journal<D> {
    /// Reads what is there, and goes on behind it as a new writer.
    pub(in crate::flush) fn open(disk: D, limits: Limits) -> io::Result<(Self, Recovered)> {
        let (mut queue, mut recovered) = (Queue::default(), Recovered::default());
        let segments = Segments::open(disk, limits, |content| match content {
            Content::Strange => recovered.strange_files += 1,
            Content::Records { records, damages, torn_bytes } => {
                recovered.damages += damages;
                recovered.torn_bytes += torn_bytes;
                for (place, record) in records {
                    queue.apply(&record, place);
                }
            }
        })?;
        queue.mark_as_found();
        (recovered.batches, recovered.hits) = (queue.len(), queue.hits());
        let writer = WriterId::random();
        let mut journal = Self { segments, queue, in_memory: BTreeMap::new(), owed: None, writer, last_seq: 0 };
        journal.reclaim();
        Ok((journal, recovered))
    }

    /// Writes deltas as the next batch, and makes them durable.
    pub(in crate::flush) fn seal(&mut self, deltas: Vec<Delta>) -> Result<(), (NotSealed, Vec<Delta>)> {
        if let Err(error) = self.catch_up() {
            return Err((NotSealed::Failed(error), deltas));
        }
        let (batch, name, part) = self.next(deltas);
        let record = Record::Sealed { name, part };
        let bytes = record.to_bytes();
        let len = bytes.len() as u64;
        if len > self.segments.longest() {
            return Err((NotSealed::TooLarge, batch.deltas));
        }
        if !self.segments.has_room_for(len + RESERVE) {
            return Err((NotSealed::Full, batch.deltas));
        }
        match self.segments.write(&bytes) {
            Ok(Written::At(place)) => self.queue.apply(&record, place),
            Ok(Written::Unsure(error)) => {
                tracing::error!(%error, "the disk of the spool may have lost a batch; it is kept in memory");
                self.keep_in_memory(record, true);
            }
            Err(error) => return Err((NotSealed::Failed(error), batch.deltas)),
        }
        self.last_seq = name.seq;
        Ok(())
    }

    /// Makes deltas the next batch without writing them, where the disk does not take them and nothing else waits.
    pub(in crate::flush) fn keep(&mut self, deltas: Vec<Delta>) {
        let (_, name, part) = self.next(deltas);
        self.keep_in_memory(Record::Sealed { name, part }, false);
        self.last_seq = name.seq;
    }

    fn next(&self, deltas: Vec<Delta>) -> (Batch, Name, Part) {
        let name = Name { writer: self.writer, seq: self.last_seq + 1 };
        let batch = Batch::new(name.writer, name.seq, deltas);
        let part = Part::new(batch.hits(), &batch.deltas);
        (batch, name, part)
    }

    fn keep_in_memory(&mut self, sealed: Record, may_be_on_disk: bool) {
        let place = self.place_in_memory();
        self.queue.apply(&sealed, place);
        if let Record::Sealed { part, .. } = sealed {
            self.in_memory.insert(place.start, Kept { part, may_be_on_disk });
        }
    }

    fn place_in_memory(&self) -> Place {
        Place::in_memory(self.in_memory.last_key_value().map_or(0, |(last, _)| last + 1))
    }

    /// Writes what the disk did not take before, so that memory holds one batch and not all of an outage.
    fn catch_up(&mut self) -> io::Result<()> {
        if self.owed.is_some() {
            return Err(io::Error::other("what became of an earlier batch is not on the disk yet"));
        }
        let in_memory: Vec<_> = self.queue.iter().filter(|entry| entry.place.is_in_memory()).copied().collect();
        for Entry { name, piece, place, .. } in in_memory {
            let Some(kept) = self.in_memory.get_mut(&place.start) else { continue };
            let part = kept.part.clone();
            // A record of it would stand behind the one that renamed it.
            if piece != Piece::whole(name, &part) {
                continue;
            }
            let bytes = Record::Sealed { name, part }.to_bytes();
            if !self.segments.has_room_for(bytes.len() as u64 + RESERVE) {
                continue;
            }
            match self.segments.write(&bytes)? {
                Written::At(durable) => self.queue.move_piece(piece, durable),
                Written::Unsure(error) => {
                    kept.may_be_on_disk = true;
                    return Err(error);
                }
            }
            self.in_memory.remove(&place.start);
        }
        Ok(())
    }

    /// The batch to send next.
    pub(in crate::flush) fn front(&self) -> io::Result<Option<Arc<Batch>>> {
        let Some(Entry { name, piece, hits, place, .. }) = self.queue.front().copied() else { return Ok(None) };
        let part = self.part(place)?;
        let deltas = part.decode().ok().and_then(|deltas| piece.of(deltas));
        let batch = deltas.map(|deltas| Batch::new(name.writer, name.seq, deltas)).filter(|batch| batch.hits() == hits);
        let batch = batch.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is not what was sealed"))?;
        Ok(Some(Arc::new(batch.identified_by(part.identity_of(piece)))))
    }

    fn part(&self, place: Place) -> io::Result<Part> {
        let in_memory = if place.is_in_memory() { self.in_memory.get(&place.start) } else { None };
        match in_memory {
            Some(kept) => Ok(kept.part.clone()),
            None => match self.segments.read(place)? {
                Record::Sealed { part, .. } => Ok(part),
                _ => Err(io::Error::new(io::ErrorKind::InvalidData, "another record stands in its place")),
            },
        }
    }

    /// What is known of the batch that is next without reading it.
    pub(in crate::flush) fn front_entry(&self) -> Option<&Entry> {
        self.queue.front()
    }

    /// The batch that is next need not be sent again; if that is forgotten, it is a duplicate.
    pub(in crate::flush) fn done(&mut self) {
        let Some(piece) = self.queue.front().map(|entry| entry.piece) else { return };
        let record = Record::Done { piece };
        let bytes = record.to_bytes();
        if self.segments.has_room_for(bytes.len() as u64)
            && let Err(error) = self.segments.append(&bytes)
        {
            tracing::warn!(%error, "the disk of the spool does not take that a batch is stored");
        }
        self.apply(&record);
        self.reclaim();
    }

    /// The store lost track of the writer of the batch that is next.
    pub(in crate::flush) fn rename(&mut self) -> io::Result<()> {
        let Some(name) = self.queue.front().map(|entry| entry.name) else { return Ok(()) };
        self.name_anew(name, Record::Renamed { name, to: WriterId::random() })
    }

    /// The store refuses the batch that is next: its first deltas are sent alone, then the others.
    pub(in crate::flush) fn halve(&mut self, first: Half) -> io::Result<()> {
        let Some(Entry { name, piece, .. }) = self.queue.front().copied() else { return Ok(()) };
        self.name_anew(name, Record::Halved { name, piece, first, to: WriterId::random() })
    }

    /// Writes a record that has to be durable before anything is sent, or the one that was to be written before.
    ///
    /// What the disk never had needs no record.
    fn name_anew(&mut self, name: Name, record: Record) -> io::Result<()> {
        let is_for_disk = self.owed.is_some() || self.is_on_disk_from(name);
        let record = self.owed.take().unwrap_or(record);
        if is_for_disk && let Err(error) | Ok(Written::Unsure(error)) = self.segments.write(&record.to_bytes()) {
            self.owed = Some(record);
            return Err(error);
        }
        self.apply(&record);
        if let (true, Record::Renamed { to, .. } | Record::Halved { to, .. }) = (name.writer == self.writer, &record) {
            self.last_seq = self.queue.last_seq_of(*to).unwrap_or(0);
            self.writer = *to;
        }
        Ok(())
    }

    /// Whether the disk may have a batch of that name, or one after it.
    fn is_on_disk_from(&self, name: Name) -> bool {
        let mut named = self.queue.iter().filter(|entry| name.steps_to(entry.name).is_some());
        named.any(|Entry { place, .. }| {
            !place.is_in_memory() || self.in_memory.get(&place.start).is_none_or(|kept| kept.may_be_on_disk)
        })
    }

    /// Takes in a record that holds no batch.
    fn apply(&mut self, record: &Record) {
        self.queue.apply(record, Place::in_memory(u64::MAX));
        self.forget_in_memory();
    }

    fn forget_in_memory(&mut self) {
        let needed = |start: &u64| self.queue.iter().any(|entry| entry.place == Place::in_memory(*start));
        self.in_memory.retain(|start, _| needed(start));
    }

    /// Gives up the batches of the oldest segment, but for the one that is next, which may be under way: it is kept in memory.
    ///
    /// Returns the hits that are lost, `None` if there is no segment.
    pub(in crate::flush) fn drop_oldest(&mut self) -> io::Result<Option<u64>> {
        let Some(oldest) = self.segments.oldest() else { return Ok(None) };
        if let Some(Entry { piece, place, .. }) =
            self.queue.front().copied().filter(|next| next.place.segment == oldest)
        {
            let part = self.part(place)?;
            let memory = self.place_in_memory();
            self.queue.move_piece(piece, memory);
            self.in_memory.insert(memory.start, Kept { part, may_be_on_disk: true });
        }
        let removed = self.segments.remove_oldest();
        if self.segments.oldest() == Some(oldest) {
            return removed.map(|()| None);
        }
        Ok(Some(self.queue.give_up(oldest)))
    }

    /// Takes segments away that no batch needs, the oldest first: what later ones say of batches in it is needed longer.
    fn reclaim(&mut self) {
        if self.queue.is_empty() {
            self.segments.leave_if_longer(WORTH_REMOVING);
        }
        while let Some(oldest) = self.segments.oldest_left().filter(|oldest| !self.queue.needs(*oldest)) {
            if let Err(error) = self.segments.remove_oldest() {
                tracing::warn!(%error, oldest, "a file of the spool that is no longer needed stays");
                return;
            }
        }
    }

    /// Bytes on the disk.
    pub(in crate::flush) fn bytes(&self) -> u64 {
        self.segments.bytes()
    }

    /// Bytes that the disk may take.
    pub(in crate::flush) fn max_bytes(&self) -> u64 {
        self.segments.max_bytes()
    }

    /// Hits of all that wait on the disk.
    pub(in crate::flush) fn hits(&self) -> u64 {
        self.queue.hits() - self.hits_in_memory()
    }

    /// Hits of those that wait in memory.
    pub(in crate::flush) fn hits_in_memory(&self) -> u64 {
        let in_memory = self.queue.iter().filter(|entry| entry.place.is_in_memory());
        in_memory.fold(0, |sum, entry| capped_sum(sum, entry.hits))
    }

    pub(in crate::flush) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests;
