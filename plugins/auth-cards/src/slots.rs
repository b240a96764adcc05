//! A bounded list in the plugin's store.
//!
//! Items live in numbered slots; sixteen slots are one entry of the store, so that a change writes a few hundred bytes and
//! clearing a full list is fewer writes than one answer may carry.

use std::collections::BTreeSet;

use sdk::{StoreEntry, StoreWrite};

/// Slots of one store entry. Smaller: more writes when a list is cleared; larger: more bytes for every change.
const SLOTS_PER_CHUNK: usize = 16;

/// An item that is one line of text without line breaks.
pub trait Line: Sized {
    /// The line.
    fn to_line(&self) -> String;
    /// The item of a line; `None` if it is none.
    fn from_line(line: &str) -> Option<Self>;
}

/// A bounded list whose changes can be taken as store writes.
///
/// # Invariants
/// Never more slots than the capacity, and none beyond the last that was used; what [`Slots::take_writes`] returned so far,
/// applied to the store it was loaded from, makes a store from which the same list is loaded.
#[derive(Debug)]
pub struct Slots<T> {
    prefix: &'static str,
    capacity: usize,
    items: Vec<Option<T>>,
    dirty: BTreeSet<usize>,
}

impl<T: Line> Slots<T> {
    /// The list under this prefix in a store. Damaged lines are left out.
    #[must_use]
    pub fn load(prefix: &'static str, capacity: usize, store: &[StoreEntry]) -> Self {
        let mut slots = Self {
            prefix,
            capacity,
            items: Vec::new(),
            dirty: BTreeSet::new(),
        };
        for chunk in 0..capacity.div_ceil(SLOTS_PER_CHUNK) {
            let key = key(prefix, chunk);
            let Some(entry) = store.iter().find(|entry| entry.key == key) else {
                continue;
            };
            let first = chunk.saturating_mul(SLOTS_PER_CHUNK);
            let text = String::from_utf8_lossy(&entry.value);
            for (line, slot) in text.split('\n').zip(first..).take(SLOTS_PER_CHUNK) {
                if let Some(item) = T::from_line(line) {
                    slots.put(slot, item);
                }
            }
        }
        slots.dirty.clear();
        slots
    }

    /// Items in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().flatten()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// What is in a slot.
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<&T> {
        self.items.get(slot).and_then(Option::as_ref)
    }

    /// Puts an item into the first free slot; `false` if there is none.
    pub fn add(&mut self, item: T) -> bool {
        let vacant = self.items.iter().position(Option::is_none);
        self.put(vacant.unwrap_or(self.items.len()), item)
    }

    /// Puts an item into a slot, in place of what was there; `false` if there is no such slot.
    pub fn put(&mut self, slot: usize, item: T) -> bool {
        if slot >= self.capacity {
            return false;
        }
        if slot >= self.items.len() {
            self.items.resize_with(slot.saturating_add(1), || None);
        }
        if let Some(place) = self.items.get_mut(slot) {
            *place = Some(item);
        }
        self.mark(slot);
        true
    }

    /// The slot of the first item that matches.
    pub fn position(&self, matches: impl Fn(&T) -> bool) -> Option<usize> {
        self.items
            .iter()
            .position(|item| item.as_ref().is_some_and(&matches))
    }

    /// Takes out every item that matches; returns how many did.
    pub fn remove(&mut self, matches: impl Fn(&T) -> bool) -> usize {
        let mut removed = 0_usize;
        for slot in 0..self.items.len() {
            if let Some(place) = self.items.get_mut(slot)
                && place.as_ref().is_some_and(&matches)
            {
                *place = None;
                removed = removed.saturating_add(1);
                self.mark(slot);
            }
        }
        while self.items.last().is_some_and(Option::is_none) {
            self.items.pop();
        }
        removed
    }

    /// The changes since the last call, as writes of the store.
    pub fn take_writes(&mut self) -> Vec<StoreWrite> {
        let dirty = std::mem::take(&mut self.dirty);
        let write = |chunk: usize| {
            let first = chunk.saturating_mul(SLOTS_PER_CHUNK);
            let slots = self.items.iter().skip(first).take(SLOTS_PER_CHUNK);
            let lines: Vec<String> = slots
                .map(|item| item.as_ref().map(Line::to_line).unwrap_or_default())
                .collect();
            let is_vacant = lines.iter().all(String::is_empty);
            StoreWrite {
                key: key(self.prefix, chunk),
                value: (!is_vacant).then(|| lines.join("\n").into_bytes()),
            }
        };
        dirty.into_iter().map(write).collect()
    }

    fn mark(&mut self, slot: usize) {
        self.dirty
            .insert(slot.checked_div(SLOTS_PER_CHUNK).unwrap_or(0));
    }
}

fn key(prefix: &str, chunk: usize) -> String {
    format!("{prefix}/{chunk:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, ListFormat};
    use std::collections::BTreeMap;

    type Store = BTreeMap<String, Vec<u8>>;

    fn apply(store: &mut Store, writes: Vec<StoreWrite>) {
        for write in writes {
            match write.value {
                Some(value) => store.insert(write.key, value),
                None => store.remove(&write.key),
            };
        }
    }

    fn load(store: &Store) -> Slots<Entry> {
        let entries: Vec<StoreEntry> = store
            .iter()
            .map(|(key, value)| StoreEntry {
                key: key.clone(),
                value: value.clone(),
            })
            .collect();
        Slots::load("list", 100, &entries)
    }

    fn entry(n: usize) -> Entry {
        Entry::parse(&format!("{n:08X}"), ListFormat::Any).unwrap()
    }

    fn lines(slots: &Slots<Entry>) -> Vec<Option<String>> {
        (0..100).map(|n| slots.get(n).map(Line::to_line)).collect()
    }

    #[test]
    fn store_after_any_changes_loads_as_the_same_list() {
        let mut store = Store::new();
        let mut slots = load(&store);
        let mut seed = 7_usize;
        for _ in 0..2_000 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695);
            let n = (seed >> 33) % 120;
            match (seed >> 20) % 4 {
                0 | 1 => {
                    slots.add(entry(n));
                }
                2 => {
                    slots.remove(|e| e.is_same(&entry(n)));
                }
                _ => {
                    slots.put(n, entry(n));
                }
            }
            let writes = slots.take_writes();
            assert!(writes.len() <= 7);
            apply(&mut store, writes);
            assert_eq!(lines(&load(&store)), lines(&slots), "seed {seed}");
        }
        let all = slots.len();
        assert_eq!(slots.remove(|_| true), all);
        apply(&mut store, slots.take_writes());
        assert!(store.is_empty() && slots.is_empty());
        assert!(slots.take_writes().is_empty());
    }

    #[test]
    fn full_list_takes_nothing_more() {
        let mut slots = load(&Store::new());
        for n in 0..100 {
            assert!(slots.add(entry(n)));
        }
        assert!(!slots.add(entry(100)));
        assert!(!slots.put(100, entry(100)));
        assert_eq!(slots.len(), 100);
    }

    #[test]
    fn damaged_store_loses_only_the_damaged_lines() {
        let mut store = Store::new();
        store.insert(
            "list/00".to_owned(),
            b"04A1B2C3\n\xff\xfe\nnonsense\n11223344".to_vec(),
        );
        store.insert("list/01".to_owned(), vec![b'\n'; 10_000]);
        store.insert("list/xx".to_owned(), b"55667788".to_vec());
        let slots = load(&store);
        assert_eq!(
            slots.iter().map(Line::to_line).collect::<Vec<_>>(),
            ["04A1B2C3", "11223344"]
        );
    }
}
