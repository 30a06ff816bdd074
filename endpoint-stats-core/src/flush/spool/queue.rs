//! [`Queue`]: which batches wait, under which names; no I/O.

use std::collections::{BTreeMap, VecDeque};

use super::record::{Name, Part, Record};
use crate::sketch::capped_sum;

/// Batches that were sealed and not yet acknowledged, the oldest first.
///
/// It is what the records say, one after the other, so reading a spool and writing it come to the same.
#[derive(Debug, Default)]
pub(in crate::flush) struct Queue {
    entries: VecDeque<Entry>,
    // How many entries lie in a segment.
    live: BTreeMap<u64, usize>,
}

/// A batch that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flush) struct Entry {
    pub(in crate::flush) name: Name,
    pub(in crate::flush) hits: u64,
    pub(in crate::flush) place: Place,
    /// An earlier run sealed it.
    pub(in crate::flush) is_found: bool,
}

/// Where a batch lies: in which record, and which of the record's parts it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flush) struct Place {
    pub(in crate::flush) segment: u64,
    pub(in crate::flush) start: u64,
    pub(in crate::flush) len: usize,
    pub(in crate::flush) part: usize,
}

impl Place {
    /// Whether it is in no segment.
    pub(in crate::flush) fn is_in_memory(self) -> bool {
        self.segment == u64::MAX
    }
}

impl Queue {
    /// Takes in what a record says that lies at a place.
    pub(in crate::flush) fn apply(&mut self, record: &Record, place: Place) {
        match record {
            Record::Sealed { name, part } => self.seal(*name, part, place),
            Record::Done { name } => self.done(*name),
            Record::Renamed { name, to } => {
                for later in self.entries.iter_mut().filter(|entry| entry.name.writer == name.writer) {
                    if let Some(after) = later.name.seq.checked_sub(name.seq) {
                        later.name = Name { writer: *to, seq: after + 1 };
                    }
                }
            }
            Record::Spliced { name, parts } => self.splice(*name, parts, place),
        }
    }

    fn seal(&mut self, name: Name, part: &Part, place: Place) {
        // A record whose sync failed stands again in another segment.
        if let Some(at) = self.entries.iter().position(|entry| entry.name == name) {
            self.forget(self.entries[at].place.segment);
            self.entries[at].place = place;
        } else {
            self.entries.push_back(Entry { name, hits: part.hits, place, is_found: false });
        }
        *self.live.entry(place.segment).or_default() += 1;
    }

    fn done(&mut self, name: Name) {
        if let Some(at) = self.entries.iter().position(|entry| entry.name == name)
            && let Some(entry) = self.entries.remove(at)
        {
            self.forget(entry.place.segment);
        }
    }

    fn splice(&mut self, name: Name, parts: &[Part], place: Place) {
        let is_after = |entry: &Entry| entry.name.writer == name.writer && entry.name.seq > name.seq;
        let is_found = self.entries.iter().any(|entry| entry.name == name && entry.is_found);
        self.done(name);
        let at = self.entries.iter().position(is_after).unwrap_or(self.entries.len());
        for later in self.entries.iter_mut().filter(|entry| is_after(entry)) {
            later.name.seq = later.name.seq + parts.len() as u64 - 1;
        }
        for (part, content) in parts.iter().enumerate().rev() {
            let name = Name { seq: name.seq + part as u64, ..name };
            self.entries.insert(at, Entry { name, hits: content.hits, place: Place { part, ..place }, is_found });
            *self.live.entry(place.segment).or_default() += 1;
        }
    }

    fn forget(&mut self, segment: u64) {
        if let Some(live) = self.live.get_mut(&segment) {
            *live -= 1;
            if *live == 0 {
                self.live.remove(&segment);
            }
        }
    }

    /// All that wait were sealed by an earlier run.
    pub(in crate::flush) fn mark_as_found(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.is_found = true);
    }

    /// The batch that is next.
    pub(in crate::flush) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// The batches that wait, the oldest first.
    pub(in crate::flush) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Hits of all that wait.
    pub(in crate::flush) fn hits(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| capped_sum(sum, entry.hits))
    }

    pub(in crate::flush) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(in crate::flush) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a batch lies in a segment.
    pub(in crate::flush) fn needs(&self, segment: u64) -> bool {
        self.live.contains_key(&segment)
    }

    /// The number that the writer's next batch has, after those that wait.
    pub(in crate::flush) fn last_seq_of(&self, writer: crate::store::WriterId) -> Option<u64> {
        self.entries.iter().filter(|entry| entry.name.writer == writer).map(|entry| entry.name.seq).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::WriterId;

    const A: WriterId = WriterId::from_bytes([1; 16]);
    const B: WriterId = WriterId::from_bytes([2; 16]);

    fn name(writer: WriterId, seq: u64) -> Name {
        Name { writer, seq }
    }

    fn part(hits: u64) -> Part {
        Part { hits, deltas: Vec::new() }
    }

    fn place(segment: u64) -> Place {
        Place { segment, start: 8, len: 10, part: 0 }
    }

    fn three() -> Queue {
        let mut queue = Queue::default();
        for seq in 1..=3 {
            queue.apply(&Record::Sealed { name: name(A, seq), part: part(seq) }, place(seq));
        }
        queue
    }

    fn names(queue: &Queue) -> Vec<(Name, u64)> {
        queue.iter().map(|entry| (entry.name, entry.hits)).collect()
    }

    #[test]
    fn what_is_done_no_longer_waits_and_no_longer_needs_its_segment() {
        let mut queue = three();

        queue.apply(&Record::Done { name: name(A, 1) }, place(9));

        assert_eq!(names(&queue), [(name(A, 2), 2), (name(A, 3), 3)]);
        assert!(!queue.needs(1) && queue.needs(2));
    }

    #[test]
    fn a_renamed_batch_is_another_writers_first_and_those_after_it_follow() {
        let mut queue = three();

        queue.apply(&Record::Renamed { name: name(A, 2), to: B }, place(9));

        assert_eq!(names(&queue), [(name(A, 1), 1), (name(B, 1), 2), (name(B, 2), 3)]);
    }

    #[test]
    fn halves_stand_in_the_place_of_the_whole_and_those_after_them_move_up() {
        let mut queue = three();

        queue.apply(&Record::Spliced { name: name(A, 1), parts: vec![part(10), part(20)] }, place(9));

        assert_eq!(names(&queue), [(name(A, 1), 10), (name(A, 2), 20), (name(A, 3), 2), (name(A, 4), 3)]);
        assert!(!queue.needs(1) && queue.needs(9));
    }

    #[test]
    fn those_after_a_dropped_batch_move_down() {
        let mut queue = three();

        queue.apply(&Record::Spliced { name: name(A, 1), parts: Vec::new() }, place(9));

        assert_eq!(names(&queue), [(name(A, 1), 2), (name(A, 2), 3)]);
    }

    #[test]
    fn a_batch_that_was_written_twice_waits_once() {
        let mut queue = three();

        queue.apply(&Record::Sealed { name: name(A, 3), part: part(3) }, place(7));

        assert_eq!(queue.len(), 3);
        assert!(!queue.needs(3) && queue.needs(7));
    }
}
