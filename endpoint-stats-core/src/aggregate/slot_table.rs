//! [`SlotTable`]: a map that only grows, up to a limit, and is read without a lock.

use std::hash::BuildHasher;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::PoisonError;

use foldhash::fast::RandomState;

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, OnceLock};

/// A place in a [`SlotTable`], given out in order from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(NonZeroU32);

/// The slots of an endpoint and a consumer in one word: with a reference beside it, a hit fits in two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots(NonZeroU64);

/// Keys under numbers: open addressing over a fixed number of places, filled under a lock, probed without one.
///
/// A place holds the upper half of the key's hash and the slot's number plus one, 0 while it is empty. The key is
/// written before its place, so whoever sees the place sees the key.
#[derive(Debug)]
pub(super) struct SlotTable<K> {
    hasher: RandomState,
    places: Box<[AtomicU64]>,
    keys: Box<[OnceLock<K>]>,
    used: AtomicU32,
    adding: Mutex<()>,
}

impl Slot {
    /// The slot with a number that counts from 1, `None` for 0.
    fn numbered(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Slots {
    pub(super) fn new(endpoint: Slot, consumer: Option<Slot>) -> Self {
        let consumer = consumer.map_or(0, |consumer| u64::from(consumer.0.get()));
        Self(NonZeroU64::from(endpoint.0) | consumer << 32)
    }

    pub(super) fn endpoint(self) -> Slot {
        Slot(NonZeroU32::new((self.0.get() & 0xffff_ffff) as u32).unwrap_or(NonZeroU32::MAX))
    }

    pub(super) fn consumer(self) -> Option<Slot> {
        Slot::numbered((self.0.get() >> 32) as u32)
    }
}

impl<K> SlotTable<K> {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.min(1 << 30);
        // Half of the places stay empty, so a probe is short.
        let places = (capacity * 2).next_power_of_two();
        Self {
            hasher: RandomState::default(),
            places: (0..places).map(|_| AtomicU64::new(0)).collect(),
            keys: (0..capacity).map(|_| OnceLock::new()).collect(),
            used: AtomicU32::new(0),
            adding: Mutex::new(()),
        }
    }

    #[inline]
    pub(super) fn hash(&self, salt: u64, text: &str) -> u64 {
        self.hasher.hash_one((salt, text))
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<Slot> {
        let mut place = hash;
        loop {
            let found = self.places[self.place(place)].load(Ordering::Acquire);
            let slot = Slot::numbered((found & 0xffff_ffff) as u32)?;
            if found >> 32 == hash >> 32 && self.key(slot).is_some_and(&is_key) {
                return Some(slot);
            }
            place = place.wrapping_add(1);
        }
    }

    /// Finds a key or adds it; `None` when it is new and `limit` keys are known, or the table is full.
    pub(super) fn find_or_insert(
        &self,
        hash: u64,
        limit: usize,
        is_key: impl Fn(&K) -> bool,
        make: impl FnOnce(Slot) -> K,
    ) -> Option<Slot> {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = self.find(hash, is_key) {
            return Some(slot);
        }
        if self.is_full(limit) {
            return None;
        }
        let number = self.used.load(Ordering::Relaxed) + 1;
        let slot = Slot::numbered(number)?;
        self.keys[slot.index()].set(make(slot)).ok()?;
        let mut place = hash;
        while self.places[self.place(place)].load(Ordering::Relaxed) != 0 {
            place = place.wrapping_add(1);
        }
        let entry = (hash >> 32) << 32 | u64::from(number);
        self.places[self.place(place)].store(entry, Ordering::Release);
        self.used.store(number, Ordering::Release);
        Some(slot)
    }

    /// Whether no key can be added under `limit`; whoever is told so finds all that were added.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.used.load(Ordering::Acquire) as usize >= limit.min(self.keys.len())
    }

    pub(super) fn key(&self, slot: Slot) -> Option<&K> {
        self.keys.get(slot.index())?.get()
    }

    /// Every key there is, in the order they were added.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &K)> {
        (1..).map_while(Slot::numbered).zip(self.keys.iter().map_while(OnceLock::get))
    }

    /// How many keys there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.keys.len()
    }

    #[expect(clippy::cast_possible_truncation, reason = "what is cut off is masked anyway")]
    fn place(&self, place: u64) -> usize {
        (place as usize) & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn insert(table: &SlotTable<String>, key: &str, limit: usize) -> Option<usize> {
        let hash = table.hash(0, key);
        table.find_or_insert(hash, limit, |k| k == key, |_| key.to_owned()).map(Slot::index)
    }

    #[test]
    fn a_key_keeps_its_slot() {
        let table = SlotTable::new(8);

        assert_eq!(insert(&table, "a", 8), Some(0));
        assert_eq!(insert(&table, "b", 8), Some(1));
        assert_eq!(insert(&table, "a", 8), Some(0));
        assert_eq!(table.find(table.hash(0, "c"), |k| k == "c"), None);
    }

    #[test]
    fn known_keys_are_found_when_the_limit_is_reached() {
        let table = SlotTable::new(8);
        insert(&table, "a", 2);
        insert(&table, "b", 2);

        assert_eq!(insert(&table, "c", 2), None);
        assert_eq!(insert(&table, "b", 2), Some(1));
        assert_eq!(table.iter().count(), 2);
    }

    #[test]
    fn threads_that_add_the_same_keys_agree_on_their_slots() {
        let table = SlotTable::new(500);
        let keys: Vec<String> = (0..500).map(|i| format!("/route/{i}")).collect();

        let slots: Vec<Vec<Option<usize>>> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| keys.iter().map(|key| insert(&table, key, 500)).collect())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });

        assert!(slots.iter().all(|found| *found == slots[0]));
        assert_eq!(table.iter().count(), 500);
    }
}
