//! [`Queue`]: which batches wait, under which names; no I/O.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::record::{Half, Name, Part, Piece, Record};
use crate::sketch::capped_sum;
use crate::store::WriterId;

/// Batches that were sealed and not yet acknowledged, the oldest first.
///
/// It is what the records say, one after the other, so reading a spool and writing it come to the same.
#[derive(Debug, Default)]
pub(in crate::flush) struct Queue {
    entries: VecDeque<Entry>,
    // How many entries a batch has, by the name it was sealed under.
    batches: HashMap<Name, usize>,
    // How many entries lie in a segment.
    live: BTreeMap<u64, usize>,
}

/// A batch that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flush) struct Entry {
    /// The name it is sent under.
    pub(in crate::flush) name: Name,
    pub(in crate::flush) piece: Piece,
    pub(in crate::flush) hits: u64,
    pub(in crate::flush) place: Place,
    /// An earlier run sealed it.
    pub(in crate::flush) is_found: bool,
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::flush) struct Place {
    pub(in crate::flush) segment: u64,
    pub(in crate::flush) start: u64,
    pub(in crate::flush) len: usize,
}

// === impl Place ===

impl Place {
    /// In no segment, under a number.
    pub(in crate::flush) fn in_memory(number: u64) -> Self {
        Self { segment: u64::MAX, start: number, len: 0 }
    }

    /// Whether it is in no segment.
    pub(in crate::flush) fn is_in_memory(self) -> bool {
        self.segment == u64::MAX
    }
}

// === impl Queue ===

impl Queue {
    /// Takes in what a record says that lies at a place.
    pub(in crate::flush) fn apply(&mut self, record: &Record, place: Place) {
        match record {
            Record::Sealed { name, part } => self.seal(*name, part, place),
            Record::Done { piece } => self.done(*piece),
            Record::Renamed { name, to } => self.rename(*name, *to, 1),
            Record::Halved { name, piece, first, to } => self.halve(*name, *piece, *first, *to),
        }
    }

    fn seal(&mut self, name: Name, part: &Part, place: Place) {
        if self.batches.contains_key(&name) {
            return self.move_batch(name, place);
        }
        let (piece, hits) = (Piece::whole(name, part), part.hits);
        self.entries.push_back(Entry { name, piece, hits, place, is_found: false });
        self.remember(piece.batch, place.segment);
    }

    /// A record that stands twice: what is later stays longer.
    fn move_batch(&mut self, batch: Name, place: Place) {
        let pieces: Vec<_> =
            self.entries.iter().map(|entry| entry.piece).filter(|piece| piece.batch == batch).collect();
        for piece in pieces {
            self.move_piece(piece, place);
        }
    }

    /// A piece lies elsewhere now.
    pub(in crate::flush) fn move_piece(&mut self, piece: Piece, place: Place) {
        if let Some(at) = self.entries.iter().position(|entry| entry.piece == piece) {
            self.remember(piece.batch, place.segment);
            self.forget(piece.batch, self.entries[at].place.segment);
            self.entries[at].place = place;
        }
    }

    fn done(&mut self, piece: Piece) {
        // What is not there would be looked for everywhere.
        if self.batches.contains_key(&piece.batch)
            && let Some(at) = self.entries.iter().position(|entry| entry.piece == piece)
            && let Some(entry) = self.entries.remove(at)
        {
            self.forget(entry.piece.batch, entry.place.segment);
        }
    }

    fn rename(&mut self, from: Name, to: WriterId, first: u64) {
        for entry in &mut self.entries {
            if let Some(steps) = from.steps_to(entry.name) {
                entry.name = Name { writer: to, seq: steps.saturating_add(first) };
            }
        }
    }

    fn halve(&mut self, name: Name, piece: Piece, first: Half, to: WriterId) {
        // Those after it follow, too, where it was in memory alone and is gone.
        self.rename(name, to, 2);
        let Some((one, other)) = piece.split(first.len) else { return };
        let Some(at) = self.entries.iter().position(|entry| entry.piece == piece) else { return };
        let whole = self.entries[at];
        let hits = first.hits.min(whole.hits);
        let second = &mut self.entries[at];
        *second = Entry { piece: other, hits: whole.hits - hits, ..whole };
        self.entries.insert(at, Entry { name: Name { writer: to, seq: 1 }, piece: one, hits, ..whole });
        self.remember(whole.piece.batch, whole.place.segment);
    }

    /// Gives up what lies in a segment; returns the hits that are lost.
    pub(in crate::flush) fn give_up(&mut self, segment: u64) -> u64 {
        let (given_up, kept): (VecDeque<_>, _) =
            std::mem::take(&mut self.entries).into_iter().partition(|entry| entry.place.segment == segment);
        self.entries = kept;
        for entry in &given_up {
            self.forget(entry.piece.batch, segment);
        }
        given_up.iter().fold(0, |sum, entry| capped_sum(sum, entry.hits))
    }

    fn remember(&mut self, batch: Name, segment: u64) {
        *self.batches.entry(batch).or_default() += 1;
        *self.live.entry(segment).or_default() += 1;
    }

    fn forget(&mut self, batch: Name, segment: u64) {
        if let Some(pieces) = self.batches.get_mut(&batch) {
            *pieces -= 1;
            if *pieces == 0 {
                self.batches.remove(&batch);
            }
        }
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

    /// The last number of a writer's batches that wait.
    pub(in crate::flush) fn last_seq_of(&self, writer: WriterId) -> Option<u64> {
        self.entries.iter().filter(|entry| entry.name.writer == writer).map(|entry| entry.name.seq).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: WriterId = WriterId::from_bytes([1; 16]);
    const B: WriterId = WriterId::from_bytes([2; 16]);

    fn name(writer: WriterId, seq: u64) -> Name {
        Name { writer, seq }
    }

    fn part(hits: u64) -> Part {
        Part { hits, len: 4, deltas: Vec::new() }
    }

    fn piece(writer: WriterId, seq: u64) -> Piece {
        Piece::whole(name(writer, seq), &part(0))
    }

    fn place(segment: u64) -> Place {
        Place { segment, start: 8, len: 10 }
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

        queue.apply(&Record::Done { piece: piece(A, 1) }, place(9));

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
    fn halves_stand_in_the_place_of_the_whole_and_those_after_them_follow() {
        let mut queue = three();
        let halved = Record::Halved { name: name(A, 2), piece: piece(A, 2), first: Half { len: 3, hits: 1 }, to: B };

        for _ in 0..2 {
            queue.apply(&halved, place(9));

            assert_eq!(names(&queue), [(name(A, 1), 1), (name(B, 1), 1), (name(B, 2), 1), (name(B, 3), 3)]);
        }
        assert_eq!(queue.last_seq_of(B), Some(3));
        queue.apply(&Record::Done { piece: piece(A, 2).split(3).unwrap().0 }, place(9));
        assert!(queue.needs(2), "its other half is there");
    }

    #[test]
    fn those_after_a_halved_batch_follow_where_it_is_gone_itself() {
        let mut queue = three();
        queue.apply(&Record::Done { piece: piece(A, 2) }, place(9));

        let halved = Record::Halved { name: name(A, 2), piece: piece(A, 2), first: Half { len: 3, hits: 1 }, to: B };
        queue.apply(&halved, place(9));

        assert_eq!(names(&queue), [(name(A, 1), 1), (name(B, 3), 3)]);
    }

    #[test]
    fn a_batch_that_is_given_up_leaves_the_names_of_others() {
        let mut queue = three();

        assert_eq!(queue.give_up(2), 2);

        assert_eq!(names(&queue), [(name(A, 1), 1), (name(A, 3), 3)]);
        assert!(!queue.needs(2));
    }

    #[test]
    fn a_batch_that_was_written_twice_waits_once() {
        let mut queue = three();

        queue.apply(&Record::Sealed { name: name(A, 3), part: part(3) }, place(7));

        assert_eq!(queue.len(), 3);
        assert!(!queue.needs(3) && queue.needs(7));
        queue.apply(&Record::Done { piece: piece(A, 3) }, place(9));
        assert!(!queue.needs(7));
    }
}
