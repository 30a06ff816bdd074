//! [`Segments`]: records in files of a disk, the oldest first.

use std::collections::VecDeque;
use std::io;

use super::SpoolSync;
use super::disk::Disk;
use super::queue::Place;
use super::record::{self, Record};

/// A segment is followed by another when it is longer than this, or an eighth of the limit.
const SEGMENT_BYTES: u64 = 4 << 20;

/// Records in files of a disk.
#[derive(Debug)]
pub(super) struct Segments<D: Disk> {
    disk: D,
    limits: Limits,
    all: VecDeque<Segment>,
    current: Option<Current<D::File>>,
    // Of any file there ever was: a strange one keeps its name.
    last_number: u64,
}

/// How much may be written, and how surely.
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

/// What a segment was found to be.
#[derive(Debug)]
pub(super) enum Content {
    /// Records, each with its place.
    Records { records: Vec<(Place, Record)>, damages: u64, torn_bytes: u64 },
    /// Of another version, of nobody, or not to be read.
    Strange,
}

/// What became of bytes that were to be written.
#[derive(Debug)]
pub(super) enum Written {
    At(Place),
    /// They may be there or not.
    Unsure(io::Error),
}

impl<D: Disk> Segments<D> {
    /// Reads what is there, the oldest first.
    pub(super) fn open(disk: D, limits: Limits, mut take: impl FnMut(Content)) -> io::Result<Self> {
        let numbers = disk.list()?;
        let last_number = numbers.last().copied().unwrap_or(0);
        let mut segments = Self { disk, limits, all: VecDeque::new(), current: None, last_number };
        for number in numbers {
            take(segments.recover(number));
        }
        segments.sync_what_was_read()?;
        Ok(segments)
    }

    /// What an earlier run wrote last may be in no file after a loss of power, and names that were read are about to be used.
    fn sync_what_was_read(&self) -> io::Result<()> {
        if self.limits.sync == SpoolSync::EachBatch && !self.all.is_empty() {
            self.all.iter().try_for_each(|segment| self.disk.sync_old(segment.number))?;
            self.sync_folder()?;
        }
        Ok(())
    }

    fn recover(&mut self, number: u64) -> Content {
        let read = self.disk.read(number);
        if let Err(error) = &read {
            tracing::error!(%error, number, "a file of the spool cannot be read, and is left as it is");
        }
        let Ok(content) = read else { return Content::Strange };
        let Some(found) = record::scan(&content) else { return Content::Strange };
        let mut segment = Segment { number, bytes: content.len() as u64 };
        let (mut damages, mut torn_bytes) = (found.damages, 0);
        if found.torn_bytes > 0 && number == self.last_number {
            // A crash may cut off the last record of all, and no other one; the next run is not to take it for damage.
            torn_bytes = found.torn_bytes;
            let whole = segment.bytes - torn_bytes;
            segment.bytes = self.disk.cut(number, whole).map_or(segment.bytes, |()| whole);
        } else {
            damages += u64::from(found.torn_bytes > 0);
        }
        self.all.push_back(segment);
        let placed = |(start, len, record)| (Place { segment: number, start, len }, record);
        Content::Records { records: found.records.into_iter().map(placed).collect(), damages, torn_bytes }
    }

    /// Writes bytes and makes them durable; an error says that they are not there.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<Written> {
        let place = self.append(bytes)?;
        let Err(error) = self.sync() else { return Ok(Written::At(place)) };
        // What a failed sync lost, a second one may call durable: nothing is asked of that file again.
        self.current = None;
        let has_room = self.has_room_for(bytes.len() as u64 + record::header().len() as u64);
        let again = if has_room { self.append(bytes) } else { Err(io::ErrorKind::StorageFull.into()) };
        let again = again.and_then(|place| self.sync().map(|()| place));
        Ok(again.map_or_else(
            |_| {
                self.current = None;
                Written::Unsure(error)
            },
            Written::At,
        ))
    }

    /// Writes bytes; an error says that they are not there.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<Place> {
        self.turn_over();
        if self.current.is_none() {
            self.begin()?;
        }
        let (Some(current), Some(segment)) = (&mut self.current, self.all.back_mut()) else {
            return Err(io::Error::other("there is no segment"));
        };
        if let Err(error) = self.disk.append(&mut current.file, bytes) {
            if self.disk.cut(current.number, segment.bytes).is_err() {
                // Some of them may be there; behind them nothing is written.
                segment.bytes += bytes.len() as u64;
                self.current = None;
            }
            return Err(error);
        }
        let place = Place { segment: segment.number, start: segment.bytes, len: bytes.len() };
        segment.bytes += bytes.len() as u64;
        Ok(place)
    }

    /// Leaves a segment that is long enough.
    fn turn_over(&mut self) {
        let most = SEGMENT_BYTES.min(self.limits.max_bytes / 8);
        if self.all.back().is_some_and(|segment| segment.bytes >= most) {
            self.current = None;
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let number = self.last_number.checked_add(1).filter(|number| *number < u64::MAX);
        let number =
            number.ok_or_else(|| io::Error::other("the last file of the spool has the highest number there is"))?;
        self.last_number = number;
        let mut file = self.disk.create(number)?;
        let header = record::header();
        let begun = self.disk.append(&mut file, header).and_then(|()| self.sync_folder());
        // A disk that stays full would gather empty files.
        if begun.is_ok() || self.disk.remove(number).is_err() {
            self.all.push_back(Segment { number, bytes: header.len() as u64 });
        }
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

    fn sync_folder(&self) -> io::Result<()> {
        match self.limits.sync {
            SpoolSync::EachBatch => self.disk.sync_folder(),
            SpoolSync::Never => Ok(()),
        }
    }

    /// Reads a record again.
    pub(super) fn read(&self, Place { segment, start, len }: Place) -> io::Result<Record> {
        let bytes = self.disk.read_at(segment, start, len)?;
        let record = Record::read(&bytes).map(|(record, _)| record);
        record.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it was changed after it was written"))
    }

    /// The oldest segment, but for the one that is written to.
    pub(super) fn oldest_left(&self) -> Option<u64> {
        let oldest = self.all.front()?.number;
        let is_current = self.current.as_ref().is_some_and(|current| current.number == oldest);
        if is_current { None } else { Some(oldest) }
    }

    /// The oldest segment.
    pub(super) fn oldest(&self) -> Option<u64> {
        Some(self.all.front()?.number)
    }

    /// Takes the oldest segment away.
    pub(super) fn remove_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.oldest() else { return Ok(()) };
        if self.oldest_left().is_none() {
            self.current = None;
        }
        self.disk.remove(oldest)?;
        self.all.pop_front();
        self.sync_folder()
    }

    /// Writes to another segment from now on, if this one is longer than so many bytes.
    pub(super) fn leave_if_longer(&mut self, bytes: u64) {
        if self.all.back().is_some_and(|segment| segment.bytes > bytes) {
            self.current = None;
        }
    }

    pub(super) fn has_room_for(&self, bytes: u64) -> bool {
        self.bytes().saturating_add(bytes) <= self.limits.max_bytes
    }

    /// The longest record there may be: with longer ones, giving up a segment would make no room.
    pub(super) fn longest(&self) -> u64 {
        self.limits.max_bytes / 8
    }

    /// Bytes that the disk may take.
    pub(super) fn max_bytes(&self) -> u64 {
        self.limits.max_bytes
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.all.iter().map(|segment| segment.bytes).sum()
    }
}
